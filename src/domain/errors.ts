import type { ToldLimits } from './rate-limits.ts';
import type { TokenUsage } from './usage.ts';
import type { AnswerCheck } from './validation.ts';

/**
 * What is done with a job after an attempt ended in an error.
 *
 * - `next-model`: another model of the route, at once; spends an attempt.
 * - `other-provider`: likewise, but of another provider, and the key that failed is left alone for a while.
 * - `larger-context`: likewise, but only a model with a larger context window.
 * - `defer`: later, on whatever is the best model then; spends no attempt.
 * - `reject`: never again.
 */
export type Disposition = 'next-model' | 'other-provider' | 'larger-context' | 'defer' | 'reject';

/** Every way in which a job or an attempt can go wrong. A code without a row here does not exist. */
export const DISPOSITIONS = {
  JOB_INVALID: 'reject',
  NO_ELIGIBLE_MODEL: 'reject',
  BUDGET_EXCEEDED: 'reject',
  BUDGET_HELD: 'defer',
  ANSWER_PENDING: 'defer',
  DEADLINE_EXCEEDED: 'reject',
  USER_RATE_LIMITED: 'defer',
  PROVIDER_RATE_LIMITED: 'next-model',
  PROVIDER_OVERLOADED: 'next-model',
  PROVIDER_FAILED: 'next-model',
  PROVIDER_TIMEOUT: 'next-model',
  PROVIDER_UNREACHABLE: 'next-model',
  PROVIDER_BAD_RESPONSE: 'next-model',
  PROVIDER_AUTH: 'other-provider',
  PROVIDER_QUOTA: 'other-provider',
  MODEL_NOT_FOUND: 'next-model',
  CONTEXT_TOO_LONG: 'larger-context',
  CONTENT_FILTERED: 'next-model',
  ANSWER_INVALID: 'next-model',
  REQUEST_REJECTED: 'reject',
  CHAIN_EXHAUSTED: 'reject',
  CANCELLED: 'reject',
  INTERRUPTED: 'defer',
  INTERNAL: 'reject',
} as const satisfies Record<string, Disposition>;

export type ErrorCode = keyof typeof DISPOSITIONS;

/** Failures that say something about how well a model does, and that may have passed when it is asked again. */
export const PASSING_FAILURES: ReadonlySet<ErrorCode> = new Set([
  'PROVIDER_OVERLOADED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_UNREACHABLE',
  'PROVIDER_BAD_RESPONSE',
]);

/** Facts for a program, never prompt text, completion text or a key. */
export type ErrorDetails = {
  /** HTTP status of the provider's answer. */
  status?: number;
  /** How long the other side asked us to wait. */
  retryAfterMs?: number;
  /** True when the provider may have done, and billed, the work although no answer arrived. */
  billUnknown?: boolean;
  /** What the provider says it used, and charges where it says so, for an answer that is of no use. */
  billed?: { usage: TokenUsage; nanos?: number };
  /** What the answer was checked for and did not pass. */
  check?: AnswerCheck;
  /** Name of the provider that failed. */
  provider?: string;
  /** What the answer's headers told about the provider's limits. */
  limits?: ToldLimits;
  /** The provider says that asking again is of no use, whatever the status: its key's money or quota is gone until then. */
  benchMs?: number;
};

/**
 * The one error class. `message` says what was bad and what to do, for a person; `code` is for a program.
 * The `cause` is kept for `--debug` and is never logged otherwise: what libraries throw may hold prompts and keys.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'GatewayError';
    this.code = code;
    this.details = details;
  }

  get disposition(): Disposition {
    return DISPOSITIONS[this.code];
  }
}

/** Any thrown value as a GatewayError. What we did not throw ourselves is INTERNAL, and its text is kept out of the message. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const kind = thrown instanceof Error ? thrown.name : typeof thrown;
  return new GatewayError('INTERNAL', `unexpected ${kind}; run with --debug for the stack`, {}, { cause: thrown });
}

/**
 * Bad input from a person: a file, a line, a flag, a configuration, a Redis that is not fit.
 * Printed as it is, one line a problem, without a stack. `exitCode` 2 is bad input, 3 is Redis.
 */
export class InputError extends Error {
  readonly problems: readonly string[];
  readonly exitCode: 2 | 3;

  constructor(problems: string | readonly string[], exitCode: 2 | 3 = 2) {
    const list = typeof problems === 'string' ? [problems] : problems;
    super(list.join('\n'));
    this.name = 'InputError';
    this.problems = list;
    this.exitCode = exitCode;
  }
}
