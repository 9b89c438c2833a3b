import { chatCompletionOf } from '../../domain/native/chat/answer.ts';
import { embeddingsOf } from '../../domain/native/embeddings.ts';
import type { CompletedResult } from '../../domain/result.ts';
import type { ApiError } from '../api-error.ts';
import { embeddingsFace } from '../embeddings/face.ts';
import { openAiErrorBody } from '../error-reply.ts';
import type { AnswerContext, Face } from '../face.ts';
import { messagesFace } from '../messages/face.ts';
import { responsesFace } from '../responses/face.ts';

/** How answers and errors of one API are told in a batch's files. `body` is the request's, as it stands in the input. */
export type BatchEndpoint = {
  idPrefix: string;
  toAnswer(result: CompletedResult, body: unknown, context: AnswerContext): object;
  toErrorBody(error: ApiError, requestId: string): object;
};

/** An API whose answers repeat parts of the request. */
function endpointOf<Body>({ idPrefix, read, toAnswer, toErrorBody }: Face<Body>): BatchEndpoint {
  return {
    idPrefix,
    toErrorBody,
    toAnswer(result, body, context) {
      const request = read(body);
      if (!request.ok) throw new Error('a request that was right before cannot be read any more');
      return toAnswer(result, request.body, context);
    },
  };
}

/** What a batch may be for; how its lines are read is in the producer's `line-formats.ts`. */
export const BATCH_ENDPOINTS: Readonly<Record<string, BatchEndpoint>> = {
  '/v1/chat/completions': {
    idPrefix: 'chatcmpl-',
    // Nothing of the request is told with the answer, so that it need not be read again.
    toAnswer: (result, _body, context) => chatCompletionOf(result, context),
    toErrorBody: openAiErrorBody,
  },
  [responsesFace.path]: endpointOf(responsesFace),
  [messagesFace.path]: endpointOf(messagesFace),
  [embeddingsFace.path]: {
    idPrefix: embeddingsFace.idPrefix,
    // Likewise: in batches they are always numbers.
    toAnswer: (result) => embeddingsOf(result),
    toErrorBody: openAiErrorBody,
  },
};
