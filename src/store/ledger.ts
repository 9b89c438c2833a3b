import type { Redis } from 'ioredis';
import type { BudgetClaim } from '../domain/budget.ts';
import { CircuitConfig } from '../domain/config.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { GateClaim, GateReason, GateReport } from '../domain/gate.ts';
import type { AttemptSummary, Completion, JobResult } from '../domain/result.ts';
import type { UsageRecord } from '../domain/usage.ts';
import { type Keys, descriptionTtlMs } from './keys.ts';
import { admitFields, settleFields, sharedFields } from './ledger-fields.ts';
import { ADMIT, HISTORY, SETTLE } from './ledger-scripts.ts';
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
  /** Looks in the response cache first. */
  cacheKey?: string;
  /** The limits that the call has to pass; asked last, so that whatever is refused has used up none of them. */
  gates: GateClaim;
  /** Written if nothing is ever heard of the attempt again: it is then charged `holdNanos`. */
  writeOff: { record: UsageRecord; summary: AttemptSummary };
};

export type Admission =
  /** With which of the provider's keys. */
  | { kind: 'admitted'; key: string }
  /** An earlier start of the job ended it already. */
  | { kind: 'done'; result: JobResult }
  | { kind: 'cached'; completion: Completion }
  | { kind: 'cancelled' }
  | { kind: 'denied'; budget: BudgetClaim; spentNanos: number; heldNanos: number }
  /**
   * A gate is closed. After `delayMs` the call's turn should have come: those who wait are given one after the other.
   * `code` says what stopped a circuit or a key.
   */
  | { kind: 'gated'; reason: GateReason; delayMs: number; code?: ErrorCode };

export type SettleRequest = {
  jobId: string;
  batchId?: string;
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
    store?: { cacheKey: string; completion: Completion; ttlMs: number };
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
};

/**
 * The only truth about money: budgets, reservations, the usage stream and the results of jobs; and the gates, which calls
 * pass in the same step. Every step is one atomic script; steps of jobs that run side by side share round trips.
 */
export function createLedger(redis: Redis, keys: Keys, options: LedgerOptions) {
  const { resultTtlMs, circuit = CircuitConfig.parse({}) } = options;
  const common = {
    redis,
    routingKey: keys.usage,
    shared: sharedFields(keys.prefix, resultTtlMs, descriptionTtlMs(resultTtlMs), circuit),
  };
  const runHistory = createScriptBatcher<[string | null, string[]]>({ ...common, script: HISTORY });
  const runAdmit = createScriptBatcher<AdmitReply>({ ...common, script: ADMIT });
  const runSettle = createScriptBatcher<1 | string | null>({ ...common, script: SETTLE });

  /** For a job that was started before. An attempt that a crash left open is written off on the way. */
  async function history(jobId: string): Promise<JobHistory> {
    const [result, trail] = await runHistory([jobId]);
    return {
      ...(result === null ? {} : { result: JSON.parse(result) as JobResult }),
      trail: trail.map((entry) => JSON.parse(entry) as AttemptSummary),
    };
  }

  /** Reserves what an attempt may cost, or says why it may not start. Asking twice for one attempt reserves once. */
  async function admit(request: AdmitRequest): Promise<Admission> {
    const reply = await runAdmit(admitFields(request, keys));
    return toAdmission(reply, request.budgets);
  }

  /**
   * Writes what an attempt did and, with `result`, how the job ended: together or not at all, and once.
   * Returns the result that stands: the given one, or an earlier one when the job had ended already.
   */
  async function settle(request: SettleRequest): Promise<JobResult | undefined> {
    const reply = await runSettle(settleFields(request));
    if (reply === null) return undefined;
    return typeof reply === 'string' ? (JSON.parse(reply) as JobResult) : request.result;
  }

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

  /** What a budget holds in one window, in nano-dollars. */
  async function budget(name: string, window: string): Promise<{ spentNanos: number; heldNanos: number }> {
    const [spent, held] = await redis.hmget(keys.budget(name, window), 'spent', 'held');
    return { spentNanos: Number(spent ?? 0), heldNanos: Number(held ?? 0) };
  }

  /** How many attempts are admitted and not settled: 0 when no job runs. */
  async function openAttempts(): Promise<number> {
    return redis.hlen(keys.open);
  }

  return { history, admit, settle, results, trail, budget, openAttempts };
}

type AdmitReply =
  | ['admitted' | 'done' | 'cached', string]
  | ['cancelled']
  | ['denied', number, string, string]
  | ['gated', GateReason, number, ErrorCode | ''];

function toAdmission(reply: AdmitReply, budgets: readonly BudgetClaim[]): Admission {
  switch (reply[0]) {
    case 'admitted':
      return { kind: 'admitted', key: reply[1] };
    case 'done':
      return { kind: 'done', result: JSON.parse(reply[1]) as JobResult };
    case 'cached':
      return { kind: 'cached', completion: JSON.parse(reply[1]) as Completion };
    case 'denied': {
      const budget = budgets[reply[1]];
      if (!budget) throw new Error('the ledger named a budget that was not asked about');
      return { kind: 'denied', budget, spentNanos: Number(reply[2]), heldNanos: Number(reply[3]) };
    }
    case 'gated':
      return { kind: 'gated', reason: reply[1], delayMs: reply[2], ...(reply[3] === '' ? {} : { code: reply[3] }) };
    case 'cancelled':
      return { kind: 'cancelled' };
  }
}
