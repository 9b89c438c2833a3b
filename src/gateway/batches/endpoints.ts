import { chatCompletionOf } from '../../domain/native/chat/answer.ts';
import { embeddingsOf } from '../../domain/native/embeddings.ts';
import type { CompletedResult } from '../../domain/result.ts';
import { chatFace } from '../chat/face.ts';
import { embeddingsFace } from '../embeddings/face.ts';
import type { AnswerContext, Face } from '../face.ts';
import { messagesFace } from '../messages/face.ts';
import { responsesFace } from '../responses/face.ts';

/** How answers and errors of one API are told in a batch's files. `body` is the request's, as it stands in the input. */
export type BatchEndpoint = Pick<Face<never>, 'idPrefix' | 'toErrorBody'> & {
  toAnswer: (result: CompletedResult, body: unknown, context: AnswerContext) => object;
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

/** One that tells nothing of the request with the answer, so that it need not be read again. */
function endpointWithout<Body>(
  { idPrefix, toErrorBody }: Face<Body>,
  toAnswer: (result: CompletedResult, context: AnswerContext) => object,
): BatchEndpoint {
  return { idPrefix, toErrorBody, toAnswer: (result, _body, context) => toAnswer(result, context) };
}

/** What a batch may be for; how its lines are read is in the producer's `line-formats.ts`. */
export const BATCH_ENDPOINTS: Readonly<Record<string, BatchEndpoint>> = {
  [chatFace.path]: endpointWithout(chatFace, chatCompletionOf),
  [responsesFace.path]: endpointOf(responsesFace),
  [messagesFace.path]: endpointOf(messagesFace),
  // In batches they are always numbers.
  [embeddingsFace.path]: endpointWithout(embeddingsFace, (result) => embeddingsOf(result)),
};
