import type { FailedResult } from '../domain/result.ts';

/** Whether the client's own retries would help: never after ours, only when it was us who turned it away. */
export type Retry = 'never' | { afterMs: number };

/**
 * What a client is told that does not get its answer; in the words of which API, the face decides.
 * `type` and `code` are OpenAI's where it has one, `param` is the field that is wrong.
 */
export class ApiError extends Error {
  readonly status: number;
  /** What fastify reads, for the pages that tell errors in their own way. */
  readonly statusCode: number;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly retry: Retry;
  /** Of the job that failed by it. */
  result?: FailedResult;

  constructor(
    status: number,
    type: string,
    message: string,
    { code = null, param = null, retry = 'never' }: { code?: string | null; param?: string | null; retry?: Retry } = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.statusCode = status;
    this.type = type;
    this.code = code;
    this.param = param;
    this.retry = retry;
  }
}

/** A request that is wrong as it is; `param` is the field. */
export function badRequest(message: string, param: string | null = null): ApiError {
  return new ApiError(400, 'invalid_request_error', message, { param });
}
