import type { Redis } from 'ioredis';
import type { BudgetAlert, BudgetClaim } from '../domain/budget.ts';
import { CircuitConfig } from '../domain/config.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { GateClaim, GateReason, GateReport } from '../domain/gate.ts';
import type { JobReply } from '../domain/job.ts';
import type { AttemptSummary, Completion, JobResult } from '../domain/result.ts';
import type { UsageRecord } from '../domain/usage.ts';
import type { Keys } from './keys.ts';
import { admitFields, settleFields, sharedFields } from './ledger-fields.ts';
import { ADMIT } from './ledger/admit.ts';
import { SETTLE } from './ledger/settle.ts';
import { HISTORY, MARK_SENT, REAP } from './ledger/silence.ts';
import { createScriptBatcher } from './script-batcher.ts';

/** What happened to a job before this start of it. */
export type JobHistory = {
  result?: JobResult;
  trail: AttemptSummary[];
};

export type AdmitRequest = {
  jobId: string;
  attemptId: string;
  /** What the call may cost at the most, in nano-dollars: reserved until the attempt is settled. */
  holdNanos: number;
  budgets: readonly BudgetClaim[];
  batchId?: string;
  /** Looks in the response cache first, and whether another job is about to fill it. */
  cacheKey?: string;
  /** When nobody can be working on the attempt any more, in ms from now. */
  expiresInMs: number;
  /** The limits that the call has to pass; asked last, so that whatever is refused has used up none of them. */
  gates: GateClaim;
  /** Written if nothing is ever heard of the attempt again after it was sent: it is then charged `holdNanos`. */
  writeOff: { record: UsageRecord; summary: AttemptSummary };
};

export type Admission =
  /** With which of the provider's keys, and which budgets are spent so far that somebody should know. */
  | { kind: 'admitted'; key: string; alerts?: readonly BudgetAlert[] }
  /** An earlier start of the job ended it already. */
  | { kind: 'done'; result: JobResult }
  /** A later start of the job is under way: this one must do nothing. */
  | { kind: 'superseded' }
  | { kind: 'cached'; completion: Completion }
  /** Another job is asking for the very same: its answer will be in the cache. */
  | { kind: 'following' }
  | { kind: 'cancelled' }
  /** The job's batch is. */
  | { kind: 'paused' }
  | Denial
  /**
   * A gate is closed. After `delayMs` the call's turn should have come: those who wait are given one after the other.
   * `code` says what stopped a circuit or a key.
   */
  | { kind: 'gated'; reason: GateReason; delayMs: number; code?: ErrorCode }
  /** A limit of those for whom the call is made is used up, whatever the model. Turns are given likewise. */
  | { kind: 'gated'; reason: 'caller'; delayMs: number; limit: string };

/** A budget has no room. `limitNanos` is what holds now, set or topped up; `resetMs` until its window ends, if it does. */
export type Denial = {
  kind: 'denied';
  budget: BudgetClaim;
  spentNanos: number;
  heldNanos: number;
  limitNanos: number;
  resetMs?: number;
  alerts?: readonly BudgetAlert[];
};

export type SettleRequest = {
  jobId: string;
  batchId?: string;
  /** Whom to tell how the job ends, and how long the result is kept then. */
  reply?: JobReply;
  /** Id of an attempt that was admitted and whose call was not made: what was reserved for it is free again. */
  unsent?: string;
  /** The call that is settled; without it the job ends without one (refused, cancelled, expired). */
  call?: {
    attemptId: string;
    record: UsageRecord;
    summary: AttemptSummary;
    /** On another model than the job's attempt before it. */
    isFallback: boolean;
    /** For the router: milliseconds, or undefined when it failed in a way that says something about the model. */
    observed?: { latencyMs: number | undefined };
    /** What it tells the gates that it passed. */
    gate: GateReport;
    /** Without a completion, the answer is of no use to others: those who wait for it ask for themselves. */
    store?: { cacheKey: string; completion?: Completion; ttlMs: number };
  };
  /** A hit in the response cache, to be recorded when it ends the job. */
  cached?: UsageRecord;
  /** How the job ends; without it the job goes on. */
  result?: JobResult;
  /**
   * Ends the job only if no call is under way for it (an answer that is being paid for is not thrown away) and no other
   * attempt has failed than those the result tells of.
   */
  unlessCalling?: boolean;
};

export type Ledger = ReturnType<typeof createLedger>;

export type LedgerOptions = {
  resultTtlMs: number;
  /** For those who let calls be made. */
  circuit?: CircuitConfig;
  /** Added to Redis' clock, in ms: for tests that play another time. */
  clockShiftMs?: number;
};

/** How many open attempts one step of reaping looks at. */
const REAP_STEP = '200';

/**
 * The only truth about money: budgets, reservations, the usage stream and the results of jobs; and the gates, which calls
 * pass in the same step. Every step is one atomic script; steps of jobs that run side by side share round trips.
 */
export function createLedger(redis: Redis, keys: Keys, options: LedgerOptions) {
  const { resultTtlMs, circuit = CircuitConfig.parse({}), clockShiftMs = 0 } = options;
  const common = {
    redis,
    routingKey: keys.usage,
    shared: sharedFields(keys.prefix, { resultTtlMs, circuit, clockShiftMs }),
  };
  const runHistory = createScriptBatcher<[string | null, string[]]>({ ...common, script: HISTORY });
  const runAdmit = createScriptBatcher<AdmitReply>({ ...common, script: ADMIT });
  const runMarkSent = createScriptBatcher<0 | 1>({ ...common, shared: [keys.prefix], script: MARK_SENT });
  const runSettle = createScriptBatcher<1 | string | null>({ ...common, script: SETTLE });
  const runReap = createScriptBatcher<[string, number]>({ ...common, script: REAP });

  /** For a job that was started before. An attempt that an earlier start left open is written off on the way. */
  async function history(jobId: string, attemptId: string): Promise<JobHistory> {
    const [result, trail] = await runHistory([jobId, attemptId]);
    return {
      ...(result === null ? {} : { result: JSON.parse(result) as JobResult }),
      trail: trail.map((entry) => JSON.parse(entry) as AttemptSummary),
    };
  }

  /** Reserves what an attempt may cost, or says why it may not start. Asking twice for one attempt reserves once. */
  async function admit(request: AdmitRequest): Promise<Admission> {
    const reply = await runAdmit(admitFields(request));
    return toAdmission(reply, request.budgets);
  }

  /**
   * Notes that the call of an admitted attempt is about to go out; it must not before this resolves. False when the
   * attempt is no longer open: then the call must not be made at all.
   */
  async function markSent(jobId: string, attemptId: string): Promise<boolean> {
    return (await runMarkSent([jobId, attemptId])) === 1;
  }

  /**
   * Writes what an attempt did and, with `result`, how the job ended: together or not at all, and once.
   * Returns the result that stands: the given one, or an earlier one when the job had ended already.
   */
  async function settle(request: SettleRequest): Promise<JobResult | undefined> {
    if (request.call?.store) fillCache(request.call.store);
    const reply = await runSettle(settleFields(request));
    if (reply === null) return undefined;
    return typeof reply === 'string' ? (JSON.parse(reply) as JobResult) : request.result;
  }

  /**
   * On its own, so that a Redis without memory for answers still has it for bills; and ahead of the settle on the same
   * connection, so that whoever waits for the answer finds it as soon as the attempt is closed.
   */
  function fillCache({ cacheKey, completion, ttlMs }: NonNullable<NonNullable<SettleRequest['call']>['store']>): void {
    const [key, value] = completion
      ? [keys.cache(cacheKey), JSON.stringify(completion)]
      : [keys.unshared(cacheKey), '1'];
    redis.set(key, value, 'PX', ttlMs).catch(() => {});
  }

  return { history, admit, markSent, settle, reap: createReaper(runReap), ...createReader(redis, keys) };
}

/** Writes off the attempts on which nobody can be working any more, and returns how many there were. */
function createReaper(runReap: (fields: readonly string[]) => Promise<[string, number]>) {
  return async (signal?: AbortSignal): Promise<number> => {
    let [cursor, reaped] = await runReap(['0', REAP_STEP]);
    for (; cursor !== '0';) {
      if (signal?.aborted) break;
      // One step after the other: other scripts come in between.
      const [next, more] = await runReap([cursor, REAP_STEP]);
      cursor = next;
      reaped += more;
    }
    return reaped;
  };
}

function createReader(redis: Redis, keys: Keys) {
  /** The stored results of jobs, in the order asked for; undefined for one that has not ended (or is past its keep). */
  async function results(jobIds: readonly string[]): Promise<(JobResult | undefined)[]> {
    if (jobIds.length === 0) return [];
    const texts = await redis.mget(jobIds.map(keys.result));
    return texts.map((text) => (text === null ? undefined : (JSON.parse(text) as JobResult)));
  }

  /** The attempts of a job that has not ended. */
  async function trail(jobId: string): Promise<AttemptSummary[]> {
    const entries = await redis.lrange(keys.trail(jobId), 0, -1);
    return entries.map((entry) => JSON.parse(entry) as AttemptSummary);
  }

  /** What a purse holds in one window, in nano-dollars. */
  async function budget(purse: string, windowId: string): Promise<{ spentNanos: number; heldNanos: number }> {
    const [spent, held] = await redis.hmget(keys.budget(purse, windowId), 'spent', 'held');
    return { spentNanos: Number(spent ?? 0), heldNanos: Number(held ?? 0) };
  }

  /** How many attempts are admitted and not settled: 0 when no job runs. */
  async function openAttempts(): Promise<number> {
    return redis.hlen(keys.open);
  }

  return { results, trail, budget, openAttempts };
}

type AdmitReply =
  | ['admitted', string, string[]]
  | ['done' | 'cached', string]
  | ['superseded' | 'following' | 'cancelled' | 'paused']
  | ['denied', number, string, string, string, number, string[]]
  | ['gated', GateReason, number, ErrorCode | '']
  | ['gated', 'caller', number, string];

function toAdmission(reply: AdmitReply, budgets: readonly BudgetClaim[]): Admission {
  switch (reply[0]) {
    case 'admitted':
      return { kind: 'admitted', key: reply[1], ...alertsIn(reply[2]) };
    case 'done':
      return { kind: 'done', result: JSON.parse(reply[1]) as JobResult };
    case 'cached':
      return { kind: 'cached', completion: JSON.parse(reply[1]) as Completion };
    case 'denied': {
      const [, index, spent, held, limit, resetMs, alerts] = reply;
      const budget = budgets[index];
      if (!budget) throw new Error('the ledger named a budget that was not asked about');
      return {
        kind: 'denied',
        budget,
        spentNanos: Number(spent),
        heldNanos: Number(held),
        limitNanos: Number(limit),
        ...(resetMs < 0 ? {} : { resetMs }),
        ...alertsIn(alerts),
      };
    }
    case 'gated':
      if (reply[1] === 'caller') return { kind: 'gated', reason: reply[1], delayMs: reply[2], limit: reply[3] };
      return { kind: 'gated', reason: reply[1], delayMs: reply[2], ...(reply[3] === '' ? {} : { code: reply[3] }) };
    default:
      return { kind: reply[0] };
  }
}

function alertsIn(texts: readonly string[]): { alerts?: BudgetAlert[] } {
  return texts.length === 0 ? {} : { alerts: texts.map((text) => JSON.parse(text) as BudgetAlert) };
}
