import type { Problem } from '../domain/issues.ts';
import { readAnthropicRequest } from '../domain/native/anthropic/request.ts';

/** The body of a request for a message, as Anthropic's batches hold it, as fields of a row. */
export function readMessagesBody(body: unknown): { ok: true; value: object } | { ok: false; problems: Problem[] } {
  const request = readAnthropicRequest(body);
  if (!request.ok) return request;
  const { stream, ...value } = request.value;
  if (!stream) return { ok: true, value };
  return { ok: false, problems: [{ path: ['stream'], message: 'a batch has no streams; leave it out' }] };
}
