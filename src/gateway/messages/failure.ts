import type { ApiError } from '../api-error.ts';

const TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [408, 'timeout_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [503, 'overloaded_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
]);

/** By this the official client knows that it has to send the whole conversation, and does so. */
const UNTHREADED = { error_code: 'thread_unsupported_request', unsupported: [] };

/** Anthropic's error body (https://platform.claude.com/docs/en/api/errors). Its types go by the status. */
export function toErrorBody({ status, message, param }: ApiError, requestId: string): object {
  const type = TYPES.get(status) ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  const details = param === 'thread' ? { details: UNTHREADED } : {};
  return { type: 'error', error: { type, message, ...details }, request_id: requestId };
}
