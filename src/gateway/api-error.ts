/** Whether the client's own retries would help: never after ours, only when it was us who turned it away. */
export type Retry = 'never' | { afterMs: number };

/**
 * What a client is told that does not get its answer; in the words of which API, the face decides.
 * `type` and `code` are OpenAI's where it has one, `param` is the field that is wrong.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly retry: Retry;
  /** Sent along with it. */
  headers: Readonly<Record<string, string>> = {};

  constructor(
    status: number,
    type: string,
    message: string,
    { code = null, param = null, retry = 'never' }: { code?: string | null; param?: string | null; retry?: Retry } = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.type = type;
    this.code = code;
    this.param = param;
    this.retry = retry;
  }
}
