import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { type EmbeddingsBody, readEmbeddingsRequest, writeEmbeddings } from '../../domain/native/embeddings.ts';
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
  toAnswer: (result, { encoding }) => Readable.from(inTurns(writeEmbeddings(result, encoding)), { objectMode: false }),
  createStream() {
    throw new Error('embeddings are never streamed');
  },
  toErrorBody: openAiErrorBody,
};

function askedOf({ model, models, provider, encoding: _told, ...job }: EmbeddingsBody): Asked {
  return { job, model, ...(models && { models }), provider, isStream: false };
}

const PIECES_A_TURN = 16;

/** Others get their turns between the pieces, and a client that reads slowly holds no more than a few of them. */
async function* inTurns(pieces: Iterable<string>): AsyncGenerator<string> {
  let collected: string[] = [];
  for (const piece of pieces) {
    collected.push(piece);
    if (collected.length < PIECES_A_TURN) continue;
    yield collected.join('');
    collected = [];
    await turn();
  }
  yield collected.join('');
}
