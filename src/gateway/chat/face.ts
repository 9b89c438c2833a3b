import { chatCompletionOf } from '../../domain/native/chat/answer.ts';
import { type ChatRequestBody, readChatRequest } from '../../domain/native/chat/request.ts';
import { openAiErrorBody } from '../error-reply.ts';
import type { Asked, Face } from '../face.ts';
import { createChatStream } from './stream.ts';

/** OpenAI's chat completions, which OpenRouter, LiteLLM and all others copy. */
export const chatFace: Face<ChatRequestBody> = {
  path: '/v1/chat/completions',
  idPrefix: 'chatcmpl-',
  read(input) {
    const read = readChatRequest(input);
    if (!read.ok) return read;
    return { ok: true, body: read.value, asked: askedOf(read.value) };
  },
  // Jobs have taken their words from here.
  placeOf: (path) => path,
  toAnswer: (result, _body, context) => chatCompletionOf(result, context),
  createStream: ({ includeUsage = false }, context) => createChatStream(context, { includeUsage }),
  toErrorBody: openAiErrorBody,
};

function askedOf({ model, models, provider, stream, includeUsage: _told, ...job }: ChatRequestBody): Asked {
  return { job, model, ...(models && { models }), provider, isStream: stream === true };
}
