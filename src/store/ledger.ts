import type { Redis } from 'ioredis';
import type { BudgetClaim } from '../domain/budget.ts';
import type { AttemptSummary, Completion, JobResult } from '../domain/result.ts';
import type { UsageRecord } from '../domain/usage.ts';
import type { Keys } from './keys.ts';
import { ADMIT, HISTORY, SETTLE } from './ledger-scripts.ts';
import { createScriptBatcher } from './script-batcher.ts';

/** What happened to a job before this start of it. */
export type JobHistory = {
  result?: JobResult;
  trail: AttemptSummary[];
  /** As of now, for a start that must not call a model which an earlier one just found throttled. */
  benchedUntil: ReadonlyMap<string, number>;
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
  /** Written if nothing is ever heard of the attempt again: it is then charged `holdNanos`. */
  writeOff: { record: UsageRecord; summary: AttemptSummary };
};

export type Admission =
  | { kind: 'admitted' }
  /** An earlier start of the job ended it already. */
  | { kind: 'done'; result: JobResult }
  | { kind: 'cached'; completion: Completion }
  | { kind: 'cancelled' }
  | { kind: 'denied'; budget: BudgetClaim; spentNanos: number; heldNanos: number };

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
    /** These models are not asked by anyone until then (epoch ms). */
    bench?: { models: readonly string[]; untilMs: number };
    store?: { cacheKey: string; completion: Completion; ttlMs: number };
  };
  /** A hit in the response cache, to be recorded when it ends the job. */
  cached?: UsageRecord;
  /** How the job ends; without it the job goes on. */
  result?: JobResult;
  /** Ends the job only if no call is under way for it: an answer that is being paid for is not thrown away. */
  unlessCalling?: boolean;
};

export type Ledger = ReturnType<typeof createLedger>;

/**
 * The only truth about money: budgets, reservations, the usage stream and the results of jobs. Every step is one
 * atomic script; steps of jobs that run side by side share round trips.
 */
export function createLedger(redis: Redis, keys: Keys, options: { resultTtlMs: number }) {
  const ttl = String(options.resultTtlMs);
  const routingKey = keys.usage;
  const history_ = createScriptBatcher<[string | null, string[], string[]]>({
    redis,
    script: HISTORY,
    routingKey,
    shared: [keys.prefix, ttl],
  });
  const admit_ = createScriptBatcher<AdmitReply>({ redis, script: ADMIT, routingKey, shared: [keys.prefix, ttl] });
  const settle_ = createScriptBatcher<1 | string | null>({
    redis,
    script: SETTLE,
    routingKey,
    shared: [keys.prefix, ttl],
  });

  /** For a job that was started before. An attempt that a crash left open is written off on the way. */
  async function history(jobId: string): Promise<JobHistory> {
    const [result, trail, benched] = await history_([jobId]);
    return {
      ...(result === null ? {} : { result: JSON.parse(result) as JobResult }),
      trail: trail.map((entry) => JSON.parse(entry) as AttemptSummary),
      benchedUntil: toTimes(benched),
    };
  }

  /** Reserves what an attempt may cost, or says why it may not start. Asking twice for one attempt reserves once. */
  async function admit(request: AdmitRequest): Promise<Admission> {
    const reply = await admit_(admitFields(request, keys));
    return toAdmission(reply, request.budgets);
  }

  /**
   * Writes what an attempt did and, with `result`, how the job ended: together or not at all, and once.
   * Returns the result that stands: the given one, or an earlier one when the job had ended already.
   */
  async function settle(request: SettleRequest): Promise<JobResult | undefined> {
    const reply = await settle_(settleFields(request));
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

/** A hash as a script returns it: names and values in turn. */
function toTimes(fields: readonly string[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (let index = 0; index < fields.length; index += 2) times.set(fields[index] ?? '', Number(fields[index + 1]));
  return times;
}

function admitFields(request: AdmitRequest, keys: Keys): string[] {
  const claims = request.budgets.map((claim) => ({
    key: keys.budget(claim.name, claim.window),
    limit: claim.limitNanos,
  }));
  return [
    request.jobId,
    request.attemptId,
    String(request.holdNanos),
    claims.length === 0 ? '' : JSON.stringify(claims),
    claims.length === 0 ? '' : JSON.stringify(claims.map((claim) => claim.key)),
    request.batchId ?? '',
    request.cacheKey ?? '',
    JSON.stringify(request.writeOff.record),
    JSON.stringify(request.writeOff.summary),
  ];
}

function settleFields({ jobId, batchId, call, cached, result, unlessCalling }: SettleRequest): string[] {
  const record = call?.record ?? cached;
  return [
    call ? 'call' : cached ? 'cached' : unlessCalling ? 'cancel' : 'none',
    jobId,
    call?.attemptId ?? '',
    String(record?.cost_nanos ?? 0),
    record ? JSON.stringify(record) : '',
    // Only a job that goes on has a trail; the others carry their attempts in the result.
    call && !result ? JSON.stringify(call.summary) : '',
    batchId ?? '',
    result ? JSON.stringify(result) : '',
    result?.status ?? '',
    call?.isFallback ? '1' : '',
    call?.store?.cacheKey ?? '',
    call?.store ? JSON.stringify(call.store.completion) : '',
    String(call?.store?.ttlMs ?? ''),
    call?.record.model ?? '',
    call?.observed ? String(call.observed.latencyMs ?? -1) : '',
    String(call?.bench?.untilMs ?? ''),
    call?.bench?.models.join('\n') ?? '',
  ];
}

type AdmitReply = ['admitted'] | ['cancelled'] | ['done' | 'cached', string] | ['denied', number, string, string];

function toAdmission(reply: AdmitReply, budgets: readonly BudgetClaim[]): Admission {
  switch (reply[0]) {
    case 'done':
      return { kind: 'done', result: JSON.parse(reply[1]) as JobResult };
    case 'cached':
      return { kind: 'cached', completion: JSON.parse(reply[1]) as Completion };
    case 'denied': {
      const budget = budgets[reply[1]];
      if (!budget) throw new Error('the ledger named a budget that was not asked about');
      return { kind: 'denied', budget, spentNanos: Number(reply[2]), heldNanos: Number(reply[3]) };
    }
    default:
      return { kind: reply[0] };
  }
}
