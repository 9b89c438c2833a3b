import { placeInAnthropicRequest, readAnthropicRequest } from '../../domain/native/anthropic/request.ts';
import type { Face } from '../face.ts';
import { toMessage } from './answer.ts';
import { toErrorBody } from './failure.ts';
import { createMessageStream } from './stream.ts';

/** Anthropic's Messages API. Of the request, an answer repeats nothing. */
export const messagesFace: Face<undefined> = {
  path: '/v1/messages',
  idPrefix: 'msg_',
  read(input) {
    const read = readAnthropicRequest(input);
    if (!read.ok) return read;
    const { model, stream, ...job } = read.value;
    return { ok: true, body: undefined, asked: { job, model, isStream: stream === true } };
  },
  placeOf: placeInAnthropicRequest,
  toAnswer: (result, _body, { id }) => toMessage(result, id),
  createStream: (_body, context) => createMessageStream(context),
  toErrorBody,
};
