import { type EmbeddingsBody, embeddingsOf, readEmbeddingsRequest } from '../../domain/native/embeddings.ts';
import { openAiErrorBody } from '../error-reply.ts';
import type { Asked, Face } from '../face.ts';

/** OpenAI's embeddings, which OpenRouter, LiteLLM and all others copy. */
export const embeddingsFace: Face<EmbeddingsBody> = {
  path: '/v1/embeddings',
  // Lists have no ids; the job has one all the same.
  idPrefix: 'embd-',
  read(input) {
    const read = readEmbeddingsRequest(input);
    if (!read.ok) return read;
    return { ok: true, body: read.value, asked: askedOf(read.value) };
  },
  // Jobs have taken their words from here.
  placeOf: (path) => path,
  toAnswer: (result, { encoding }) => embeddingsOf(result, encoding),
  createStream() {
    throw new Error('embeddings are never streamed');
  },
  toErrorBody: openAiErrorBody,
};

function askedOf({ model, models, provider, encoding: _told, ...job }: EmbeddingsBody): Asked {
  return { job, model, ...(models && { models }), provider, isStream: false };
}
