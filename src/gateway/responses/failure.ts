import type { ApiError } from '../api-error.ts';
import { openAiErrorBody } from '../error-reply.ts';

/** An error within a stream: of the response that failed, whose codes are few, and as an event of its own. */
export function failureOf(error: ApiError): { inResponse: object; ofEvent: object } {
  const { message, type, param, code } = error;
  return {
    inResponse: { code: codeOf(error), message, type, param },
    ofEvent: { code, message, param, ...openAiErrorBody(error) },
  };
}

function codeOf({ status }: ApiError): 'rate_limit_exceeded' | 'invalid_prompt' | 'server_error' {
  if (status === 429) return 'rate_limit_exceeded';
  return status >= 400 && status < 500 ? 'invalid_prompt' : 'server_error';
}
