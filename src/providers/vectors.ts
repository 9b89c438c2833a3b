import { encodeVector, type EmbeddingRequest } from '../domain/embedding.ts';
import { badResponse } from './failures.ts';
import type { Bill } from './failures/useless.ts';

const FLOAT_BYTES = 4;

/** What a provider sent for the inputs, in their order, as vectors. Throws a GatewayError unless there is one for each. */
export function toVectors(
  provider: string,
  told: readonly unknown[],
  { inputs }: EmbeddingRequest,
  billed: Bill | undefined,
): string[] {
  const vectors = told.map(toVector).filter((vector) => vector !== undefined);
  if (vectors.length < told.length) throw badResponse(provider, 'with an embedding that is no vector', billed);
  if (vectors.length === inputs.length) return vectors;
  throw badResponse(provider, `with ${vectors.length} embeddings for ${inputs.length} inputs`, billed);
}

/**
 * A vector as a provider sends it, a list of numbers or base64 of float32, in the one form that we keep; undefined for
 * what is none. It is not a schema's to check: a large answer has millions of numbers.
 */
function toVector(told: unknown): string | undefined {
  if (typeof told === 'string') return fromBase64(told);
  if (!Array.isArray(told) || told.length === 0 || !told.every(Number.isFinite)) return undefined;
  return encodeVector(told as number[]);
}

function fromBase64(text: string): string | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0 || bytes.length % FLOAT_BYTES !== 0) return undefined;
  for (let offset = 0; offset < bytes.length; offset += FLOAT_BYTES) {
    if (!Number.isFinite(bytes.readFloatLE(offset))) return undefined;
  }
  return bytes.toString('base64');
}
