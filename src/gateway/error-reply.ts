import type { ApiError } from './api-error.ts';

/** OpenAI's error body (https://platform.openai.com/docs/guides/error-codes). */
export function openAiErrorBody({ message, type, param, code }: ApiError): object {
  return { error: { message, type, param, code } };
}

/**
 * What tells official clients whether to come back: they retry by themselves on 408, 409, 429 and from 500 on, unless
 * `x-should-retry` says otherwise.
 */
export function retryHeaders({ retry }: ApiError): Record<string, string> {
  if (retry === 'never') return { 'x-should-retry': 'false' };
  return {
    'x-should-retry': 'true',
    'retry-after-ms': String(Math.ceil(retry.afterMs)),
    'retry-after': String(Math.max(1, Math.ceil(retry.afterMs / 1_000))),
  };
}
