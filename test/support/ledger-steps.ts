import type { BudgetClaim } from '../../src/domain/budget.ts';
import type { GateClaim, GateReport } from '../../src/domain/gate.ts';
import type { AttemptSummary, CompletedResult, Completion, FailedResult } from '../../src/domain/result.ts';
import type { UsageOutcome, UsageRecord } from '../../src/domain/usage.ts';
import type { Admission, AdmitRequest, JobHistory, Ledger, SettleRequest } from '../../src/store/ledger.ts';

/** The ledger's requests as workers write them, with everything that a test does not care about filled in. */

const COMPLETION: Completion = {
  content: 'four',
  finish_reason: 'stop',
  usage: { input_tokens: 10, output_tokens: 2 },
};

type Step = { job: string; start?: number; batch?: string };

export function attemptId({ job, start = 1 }: Step): string {
  return `${job}:${start}`;
}

export function usageRecord(step: Step, outcome: UsageOutcome, costNanos: number): UsageRecord {
  return {
    v: 1,
    attempt_id: attemptId(step),
    job_id: step.job,
    ...(step.batch === undefined ? {} : { batch_id: step.batch }),
    outcome,
    task: null,
    lane: 'batch',
    account: 'default',
    model: 'small',
    provider: 'alpha',
    key: 'default',
    model_id: 'sim/small',
    input_tokens: 10,
    output_tokens: 2,
    cost_nanos: costNanos,
    price_source: 'config',
    latency_ms: 5,
    queue_ms: 0,
    at: 1_800_000_000_000,
  };
}

function summary(outcome: UsageOutcome, costNanos: number): AttemptSummary {
  return { model: 'small', provider: 'alpha', outcome, cost_nanos: costNanos, latency_ms: 5 };
}

/** What the call asks of the gates of the model `small`, which has one key and no limits. */
function gateClaim(more: Partial<GateClaim> = {}): GateClaim {
  const keys = [{ name: 'default', gate: 'default', limits: {} }];
  return {
    provider: 'alpha',
    model: 'sim/small',
    keys,
    modelLimits: {},
    tokens: 12,
    isReturning: false,
    callers: [],
    ...more,
  };
}

export function gateReport(verdict: GateReport['verdict'], more: Partial<GateReport> = {}): GateReport {
  return { verdict, ...more };
}

type AdmitStep = Step & {
  hold: number;
  limit?: number;
  cacheKey?: string;
  budget?: string;
  claim?: Partial<BudgetClaim>;
  expiresInMs?: number;
  gates?: Partial<GateClaim>;
};

/** A hard budget in all time. */
export function budgetClaim(claim: Partial<BudgetClaim> = {}): BudgetClaim {
  const { purse = 'all', name = purse } = claim;
  return {
    name,
    purse,
    window: 'total',
    limitNanos: 1_000_000_000,
    isSoft: false,
    onExhausted: 'reject',
    isPassing: false,
    ...claim,
  };
}

export function admitRequest(step: AdmitStep): AdmitRequest {
  const { hold, limit = 1_000_000_000, cacheKey, budget = 'all', claim = {}, expiresInMs = 60_000 } = step;
  return {
    jobId: step.job,
    attemptId: attemptId(step),
    holdNanos: hold,
    budgets: [budgetClaim({ purse: budget, limitNanos: limit, ...claim })],
    expiresInMs,
    ...(step.batch === undefined ? {} : { batchId: step.batch }),
    ...(cacheKey === undefined ? {} : { cacheKey }),
    gates: gateClaim(step.gates),
    writeOff: { record: usageRecord(step, 'unconfirmed', hold), summary: summary('unconfirmed', hold) },
  };
}

/** Admits the attempt and marks it as sent, as a worker does before it calls. */
export async function sendOut(ledger: Ledger, step: AdmitStep): Promise<Admission> {
  const admission = await ledger.admit(admitRequest(step));
  if (admission.kind === 'admitted') await ledger.markSent(step.job, attemptId(step));
  return admission;
}

/** What a later start of the job finds, after whatever happened to those before it. */
export async function historyOf(ledger: Ledger, job: string): Promise<JobHistory> {
  return ledger.history(job, attemptId({ job, start: 999 }));
}

type CallStep = Step & { cost: number; isFallback?: boolean; gate?: GateReport };

/** The attempt failed and the job goes on; what it tells the gates closes none. */
export function failedAttempt(step: CallStep): SettleRequest {
  const { job, batch, cost, isFallback = false, gate = gateReport('neutral') } = step;
  return {
    jobId: job,
    ...(batch === undefined ? {} : { batchId: batch }),
    call: {
      attemptId: attemptId(step),
      record: usageRecord(step, 'failed', cost),
      summary: summary('failed', cost),
      isFallback,
      gate,
    },
  };
}

/** The attempt answered and ends the job. */
export function answeredAttempt(step: CallStep & { content?: string; cacheKey?: string }): SettleRequest {
  const { job, batch, cost, isFallback = false, content = 'four', cacheKey, gate = gateReport('answered') } = step;
  const completion = { ...COMPLETION, content };
  return {
    jobId: job,
    ...(batch === undefined ? {} : { batchId: batch }),
    call: {
      attemptId: attemptId(step),
      record: usageRecord(step, 'completed', cost),
      summary: summary('completed', cost),
      isFallback,
      observed: { latencyMs: 5 },
      gate,
      ...(cacheKey === undefined ? {} : { store: { cacheKey, completion, ttlMs: 60_000 } }),
    },
    result: completedResult(job, cost, content),
  };
}

export function cachedEnding(step: Step): SettleRequest {
  const { job, batch } = step;
  return {
    jobId: job,
    ...(batch === undefined ? {} : { batchId: batch }),
    cached: usageRecord(step, 'cached', 0),
    result: { ...completedResult(job, 0, 'four'), cached: true },
  };
}

export function refusal(step: Step): SettleRequest {
  const { job, batch } = step;
  return { jobId: job, ...(batch === undefined ? {} : { batchId: batch }), result: failedResult(job) };
}

export function completedResult(job: string, cost: number, content: string): CompletedResult {
  return {
    v: 1,
    job_id: job,
    status: 'completed',
    task: null,
    attempts: [summary('completed', cost)],
    cost_nanos: cost,
    total_ms: 5,
    finished_at: 1_800_000_000_000,
    model: 'small',
    provider: 'alpha',
    model_id: 'sim/small',
    completion: { ...COMPLETION, content },
    latency_ms: 5,
    cached: false,
  };
}

function failedResult(job: string): FailedResult {
  return {
    v: 1,
    job_id: job,
    status: 'failed',
    task: null,
    attempts: [],
    cost_nanos: 0,
    total_ms: 5,
    finished_at: 1_800_000_000_000,
    error: { code: 'DEADLINE_EXCEEDED', message: "the job's deadline has passed" },
  };
}
