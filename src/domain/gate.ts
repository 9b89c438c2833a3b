import type { ErrorCode } from './errors.ts';
import type { RateLimits } from './provider-config.ts';
import type { ToldLimits } from './rate-limits.ts';

/**
 * A gate is a limit that all workers share, in front of one of these, from wide to narrow:
 *
 * - a model of a provider: its circuit, which opens when calls fail whatever the key.
 * - a key of a provider: is it accepted and has it money left; its requests and tokens a minute over all models; how many
 *   calls are under way with it.
 * - a key and a model: the limits that a provider sets for both, configured or learnt; and whether it is throttled.
 */
export type GateClaim = {
  provider: string;
  /** The provider's own id of the model, so that two aliases of one model share its gates. */
  model: string;
  /** The provider's keys in the order in which they are to be tried: the first one whose gates are open is taken. */
  keys: readonly { name: string; gate: string; limits: RateLimits }[];
  /** Of the model, for each key. */
  modelLimits: RateLimits;
  /** Tokens that the call is expected to come to, prompt and answer; corrected when it is settled. */
  tokens: number;
  /** True for a job that was put back by a gate before: it has stood in line already. */
  isReturning: boolean;
  /** True for a job that need not wait for the turns of those who do not go first. */
  goesFirst?: boolean;
  /** A call that would have to wait longer is made elsewhere: no turn is kept for it. Without it any wait is fine. */
  patienceMs?: number;
  /** Those for whom the call is made, as far as they have limits. They are asked before budgets and the gates above. */
  callers: readonly CallerClaim[];
  /** Until the job's time is over. No turn is kept for a call that could not take it; without it any wait is fine. */
  timeLeftMs?: number;
};

/** A limit of the configuration that covers a call. */
export type CallerClaim = {
  /** Its name. */
  limit: string;
  /** Whose share of it the call takes; without it all calls that it covers share it. */
  caller?: string;
  limits: RateLimits;
};

/**
 * Why a gate is closed.
 *
 * - `rate`, `concurrency`: the limit is used up for now; waiting is all it takes.
 * - `throttled`: the provider said so (429, 402 with a time).
 * - `circuit`: its calls fail; one at a time may try.
 * - `key`: every key is refused, or out of money.
 */
export type GateReason = 'rate' | 'concurrency' | 'throttled' | 'circuit' | 'key';

/** What a call that has ended tells the gates that it passed. */
export type GateReport = {
  /**
   * - `answered`: closes circuits, lets concurrency grow.
   * - `throttled`: 429; `overloaded`: 503 and 529: lets concurrency shrink. The second one counts for the circuit, too.
   * - `failed`: counts for the circuit.
   * - `refused`: the key is no good, or its money is gone: nobody uses it until `waitMs` has passed.
   * - `neutral`: says nothing about the provider (a bad request, a call that we broke off).
   */
  verdict: 'answered' | 'throttled' | 'overloaded' | 'failed' | 'refused' | 'neutral';
  code?: ErrorCode;
  /** How long the provider asked to be left alone, or how long a refused key is. */
  waitMs?: number;
  /** Tokens that it really came to; without it what was expected stands. */
  tokens?: number;
  limits?: ToldLimits;
};
