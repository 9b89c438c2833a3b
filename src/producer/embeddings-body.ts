import type { Problem } from '../domain/issues.ts';
import { readEmbeddingsRequest } from '../domain/native/embeddings.ts';

/** The body of a request for embeddings, as OpenAI's batches hold it, as fields of a row. */
export function readEmbeddingsBody(body: unknown): { ok: true; value: object } | { ok: false; problems: Problem[] } {
  const request = readEmbeddingsRequest(body);
  if (!request.ok) return request;
  const { encoding, provider, models, ...value } = request.value;
  const problems: Problem[] = [];
  if (encoding === 'base64') {
    problems.push({ path: ['encoding_format'], message: 'the output of a batch has numbers; leave it out' });
  }
  if (provider !== undefined) problems.push({ path: ['provider'], message: 'not in a batch; leave it out' });
  if (models !== undefined) problems.push({ path: ['models'], message: 'not in a batch; leave it out' });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value };
}
