import { type ErrorCode, GatewayError, InputError } from '../domain/errors.ts';
import { formatPath, formatProblem, type Problem } from '../domain/issues.ts';
import type { FailedResult } from '../domain/result.ts';
import { InvalidJob } from '../producer/index.ts';
import { isRedisFailure } from '../store/redis.ts';
import { ApiError, badRequest, type Retry } from './api-error.ts';

type Told = { status: number; type: string; code: string; retry?: Retry };

const INVALID = 'invalid_request_error';
const OVERLOADED = 'overloaded_error';
/** When the job itself had to wait for too long, a moment more does no good. */
const COME_BACK: Retry = { afterMs: 5_000 };

/**
 * What an ended job's error is to an HTTP client. Sluice has asked again and elsewhere already: a client that did so, too,
 * would multiply the calls, so that only those come back that were turned away for the moment.
 */
const TOLD: Record<ErrorCode, Told> = {
  JOB_INVALID: { status: 400, type: INVALID, code: 'invalid_request' },
  NO_ELIGIBLE_MODEL: { status: 400, type: INVALID, code: 'no_eligible_model' },
  BUDGET_EXCEEDED: { status: 402, type: 'insufficient_quota', code: 'budget_exceeded' },
  BUDGET_HELD: { status: 429, type: 'rate_limit_error', code: 'budget_held', retry: COME_BACK },
  ANSWER_PENDING: { status: 503, type: OVERLOADED, code: 'answer_pending', retry: COME_BACK },
  DEADLINE_EXCEEDED: { status: 504, type: 'timeout_error', code: 'deadline_exceeded' },
  USER_RATE_LIMITED: { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded', retry: COME_BACK },
  PROVIDER_RATE_LIMITED: { status: 429, type: 'rate_limit_error', code: 'provider_rate_limited', retry: COME_BACK },
  PROVIDER_OVERLOADED: { status: 503, type: OVERLOADED, code: 'provider_overloaded' },
  PROVIDER_FAILED: { status: 502, type: 'api_error', code: 'provider_failed' },
  PROVIDER_TIMEOUT: { status: 504, type: 'timeout_error', code: 'provider_timeout' },
  PROVIDER_UNREACHABLE: { status: 502, type: 'api_error', code: 'provider_unreachable' },
  PROVIDER_BAD_RESPONSE: { status: 502, type: 'api_error', code: 'provider_bad_response' },
  // The operator's keys, not the client's.
  PROVIDER_AUTH: { status: 502, type: 'api_error', code: 'provider_auth' },
  PROVIDER_QUOTA: { status: 502, type: 'api_error', code: 'provider_quota' },
  MODEL_NOT_FOUND: { status: 502, type: 'api_error', code: 'provider_model_not_found' },
  CONTEXT_TOO_LONG: { status: 400, type: INVALID, code: 'context_length_exceeded' },
  CONTENT_FILTERED: { status: 400, type: INVALID, code: 'content_filter' },
  ANSWER_INVALID: { status: 502, type: 'api_error', code: 'answer_invalid' },
  REQUEST_REJECTED: { status: 400, type: INVALID, code: 'request_rejected' },
  CHAIN_EXHAUSTED: { status: 502, type: 'api_error', code: 'all_models_failed' },
  CANCELLED: { status: 499, type: 'api_error', code: 'cancelled' },
  INTERRUPTED: { status: 503, type: OVERLOADED, code: 'interrupted', retry: { afterMs: 1_000 } },
  INTERNAL: { status: 500, type: 'api_error', code: 'internal_error' },
};

/** What is known of the providers without having asked them: their circuits are open, and will be tried again. */
const UNASKED = { status: 503, type: OVERLOADED, retry: { afterMs: 10_000 } };
const UNASKED_FOR: ReadonlySet<ErrorCode> = new Set([
  'PROVIDER_UNREACHABLE',
  'PROVIDER_OVERLOADED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
]);

/** `isKept` of a job that whoever comes again with the same Idempotency-Key gets once more, with this failure. */
export function errorOfResult(result: FailedResult, { isKept = false } = {}): ApiError {
  const { code, message } = result.error;
  const isUnasked = result.attempts.length === 0 && UNASKED_FOR.has(code);
  const told = { ...TOLD[code], ...(isUnasked && UNASKED), ...(isKept && { retry: 'never' as const }) };
  return Object.assign(errorOfTold(told, message), { result });
}

function errorOfTold({ status, type, code, retry }: Told, message: string): ApiError {
  return new ApiError(status, type, message, { code, ...(retry && { retry }) });
}

/** A body or a wish that is wrong; `placeOf` says where the client's API says what our fields say. */
export function errorOfProblems(
  problems: readonly Problem[],
  placeOf: (path: Problem['path']) => Problem['path'] = (path) => path,
): ApiError {
  const placed = problems.map(({ path, message }) => ({ path: placeOf(path), message }));
  const param = placed[0] === undefined || placed[0].path.length === 0 ? null : formatPath(placed[0].path);
  return badRequest(placed.map(formatProblem).join('; '), param);
}

/** Any thrown value. What we did not throw ourselves says nothing about itself: it may hold a prompt. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof InvalidJob) return errorOfProblems(thrown.problems);
  if (thrown instanceof GatewayError) return errorOfTold(TOLD[thrown.code], thrown.message);
  if (thrown instanceof InputError) return thrown.exitCode === 2 ? badRequest(thrown.message) : unavailable();
  if (isRedisFailure(thrown)) return unavailable();
  return (
    errorOfHttp(thrown) ?? new ApiError(500, 'api_error', 'an error of the gateway itself', { code: 'internal_error' })
  );
}

/** Where Redis is, is not for clients to know. */
function unavailable(): ApiError {
  const message = 'the store of this gateway cannot be reached at the moment; ask again';
  return new ApiError(503, OVERLOADED, message, { code: 'unavailable', retry: { afterMs: 2_000 } });
}

const OF_HTTP: Readonly<Record<number, string>> = {
  400: 'the body is not valid JSON',
  408: 'the request took too long to arrive',
  413: 'the body is too large',
  414: 'the address is too long',
  415: 'expected content-type: application/json',
};

/** What fastify says of a request that it cannot read. */
function errorOfHttp(thrown: unknown): ApiError | undefined {
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  const status = Number(thrown.statusCode);
  if (!(status >= 400 && status < 500)) return undefined;
  const code = status === 413 ? 'request_too_large' : null;
  return new ApiError(status, INVALID, OF_HTTP[status] ?? 'this request cannot be read', { code });
}
