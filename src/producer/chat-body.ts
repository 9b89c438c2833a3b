import type { Problem } from '../domain/issues.ts';
import { readChatRequest } from '../domain/native/chat/request.ts';

/** The body of a request for a chat completion, as OpenAI's batches hold it, as fields of a row. */
export function readChatBody(body: unknown): { ok: true; value: object } | { ok: false; problems: Problem[] } {
  const request = readChatRequest(body);
  if (!request.ok) return request;
  const { stream, includeUsage: _includeUsage, provider, models, ...value } = request.value;
  const problems: Problem[] = [];
  if (stream) problems.push({ path: ['stream'], message: 'a batch has no streams; leave it out' });
  if (provider !== undefined) problems.push({ path: ['provider'], message: 'not in a batch; leave it out' });
  if (models !== undefined) problems.push({ path: ['models'], message: 'not in a batch; leave it out' });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value };
}
