import type { Redis } from 'ioredis';
import type { BudgetClaim } from '../domain/budget.ts';
import type { AttemptSummary, Completion, JobResult } from '../domain/result.ts';
import type { UsageRecord } from '../domain/usage.ts';
import { type Keys, descriptionTtlMs } from './keys.ts';
import { ADMIT_FIELDS, SETTLE_FIELDS } from './ledger-fields.ts';
import { ADMIT, HISTORY, SETTLE } from './ledger-scripts.ts';
import { type Bench, readBench, writeBench } from './observations.ts';
import { createScriptBatcher } from './script-batcher.ts';

/** What happened to a job before this start of it. */
export type JobHistory = {
  result?: JobResult;
  trail: AttemptSummary[];
  /** As of now, for a start that must not call a model which an earlier one just found throttled. */
  benches: ReadonlyMap<string, Bench>;
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
    /** These models are not asked by anyone for a while. */
    bench?: Bench & { models: readonly string[] };
    /** When a call that was answered began (epoch ms): a bench from before then was lifted by it. */
    answeredSinceMs?: number;
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

/**
 * The only truth about money: budgets, reservations, the usage stream and the results of jobs. Every step is one
 * atomic script; steps of jobs that run side by side share round trips.
 */
export function createLedger(redis: Redis, keys: Keys, options: { resultTtlMs: number }) {
  const ttlMs = options.resultTtlMs;
  const common = {
    redis,
    routingKey: keys.usage,
    shared: [keys.prefix, String(ttlMs), String(descriptionTtlMs(ttlMs))],
  };
  const runHistory = createScriptBatcher<[string | null, string[], string[]]>({ ...common, script: HISTORY });
  const runAdmit = createScriptBatcher<AdmitReply>({ ...common, script: ADMIT });
  const runSettle = createScriptBatcher<1 | string | null>({ ...common, script: SETTLE });

  /** For a job that was started before. An attempt that a crash left open is written off on the way. */
  async function history(jobId: string): Promise<JobHistory> {
    const [result, trail, benched] = await runHistory([jobId]);
    return {
      ...(result === null ? {} : { result: JSON.parse(result) as JobResult }),
      trail: trail.map((entry) => JSON.parse(entry) as AttemptSummary),
      benches: toBenches(benched),
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

/** A hash as a script returns it: names and values in turn. */
function toBenches(fields: readonly string[]): ReadonlyMap<string, Bench> {
  const benches = new Map<string, Bench>();
  for (let index = 0; index < fields.length; index += 2) {
    benches.set(fields[index] ?? '', readBench(fields[index + 1] ?? ''));
  }
  return benches;
}

function admitFields(request: AdmitRequest, keys: Keys): string[] {
  const claims = request.budgets.map((claim) => ({
    key: keys.budget(claim.name, claim.window),
    limit: claim.limitNanos,
  }));
  const fields: Record<(typeof ADMIT_FIELDS)[number], string> = {
    job: request.jobId,
    attempt: request.attemptId,
    hold: String(request.holdNanos),
    budgets: claims.length === 0 ? '' : JSON.stringify(claims),
    keys: claims.length === 0 ? '' : JSON.stringify(claims.map((claim) => claim.key)),
    batch: request.batchId ?? '',
    cache: request.cacheKey ?? '',
    record: JSON.stringify(request.writeOff.record),
    summary: JSON.stringify(request.writeOff.summary),
  };
  return ADMIT_FIELDS.map((name) => fields[name]);
}

function settleFields({ jobId, batchId, call, cached, result, unlessCalling }: SettleRequest): string[] {
  const record = call?.record ?? cached;
  const fields: Record<(typeof SETTLE_FIELDS)[number], string> = {
    kind: call ? 'call' : cached ? 'cached' : unlessCalling ? 'cancel' : 'none',
    job: jobId,
    attempt: call?.attemptId ?? '',
    cost: String(record?.cost_nanos ?? 0),
    record: record ? JSON.stringify(record) : '',
    // Only a job that goes on has a trail; the others carry their attempts in the result.
    summary: call && !result ? JSON.stringify(call.summary) : '',
    batch: batchId ?? '',
    result: result ? JSON.stringify(result) : '',
    counted: result?.status ?? '',
    fallback: call?.isFallback ? '1' : '',
    told: String(result?.attempts.length ?? 0),
    cache: call?.store?.cacheKey ?? '',
    completion: call?.store ? JSON.stringify(call.store.completion) : '',
    cache_ttl: String(call?.store?.ttlMs ?? ''),
    model: call?.record.model ?? '',
    latency: call?.observed ? String(call.observed.latencyMs ?? -1) : '',
    bench: call?.bench ? writeBench(call.bench) : '',
    models: call?.bench?.models.join('\n') ?? '',
    began: String(call?.answeredSinceMs ?? ''),
  };
  return SETTLE_FIELDS.map((name) => fields[name]);
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
