import {
  placeInResponsesRequest,
  readResponsesRequest,
  type ResponsesBody,
} from '../../domain/native/responses/request.ts';
import { openAiErrorBody } from '../error-reply.ts';
import type { Face } from '../face.ts';
import { toResponse } from './answer.ts';
import { createResponseStream } from './stream.ts';

/** OpenAI's Responses API. */
export const responsesFace: Face<ResponsesBody> = {
  path: '/v1/responses',
  idPrefix: 'resp_',
  read(input) {
    const read = readResponsesRequest(input);
    if (!read.ok) return read;
    const { model, models, provider, stream, ...job } = read.value;
    const asked = {
      job,
      model,
      isStream: stream === true,
      ...(models === undefined ? {} : { models }),
      ...(provider === undefined ? {} : { provider }),
    };
    return { ok: true, body: read.body, asked };
  },
  placeOf: placeInResponsesRequest,
  toAnswer: toResponse,
  createStream: createResponseStream,
  toErrorBody: openAiErrorBody,
};
