import type { BudgetConfig, WINDOWS } from './config.ts';
import type { QueuedJob } from './job.ts';
import { usdToNanos } from './money.ts';

export type BudgetWindow = (typeof WINDOWS)[number];

/**
 * What becomes of a job whose call a spent budget does not cover.
 *
 * - `reject`: it ends as failed.
 * - `park`: it waits until the budget's window resets, or its limit is raised.
 * - `pause`: its whole batch waits until somebody resumes it; a job without a batch is rejected.
 */
export type OnExhausted = 'reject' | 'park' | 'pause';

/** A budget that a call must fit in. Which of its windows that is, the ledger tells by Redis' clock. */
export type BudgetClaim = {
  /** As configured, or `batch:ID`, `job:ID`, `key:ID`. */
  name: string;
  /** What is really drawn from: the name, or `name/value` where there is a purse for each user, task, ... */
  purse: string;
  window: BudgetWindow;
  limitNanos: number;
  /** It stops nothing: passing it raises an alert. */
  isSoft: boolean;
  /** Part of the limit (0..1) at which an alert is raised. */
  alertAt?: number;
  onExhausted: OnExhausted;
  /** It belongs to one job or batch, and is forgotten with it. */
  isPassing: boolean;
};

/** Raised once in a window, when so much is spent; as it is kept in Redis. */
export type BudgetAlert = { purse: string; window: string; spent_nanos: number; limit_nanos: number; soft: boolean };

type ApiKeyTag = NonNullable<QueuedJob['api_key']>;

/** Who and what a call is for, as far as budgets look at it. */
export type BudgetSubject = {
  job: QueuedJob;
  jobId: string;
  /** Alias and provider of the model that is to be called. */
  model: { alias: string; provider: string };
};

/** The budgets that cover a call: the configured ones that match it, its virtual key's, its batch's cap and its job's own. */
export function budgetsFor(subject: BudgetSubject, budgets: Readonly<Record<string, BudgetConfig>>): BudgetClaim[] {
  const { job, jobId } = subject;
  const claims = Object.entries(budgets).flatMap(([name, budget]) =>
    covers(budget, subject) ? [toClaim(name, budget, subject)] : [],
  );
  if (job.api_key?.budget_usd !== undefined) claims.push(claimOfKey(job.api_key, job.api_key.budget_usd));
  if (job.batch?.max_total_usd !== undefined) {
    const onExhausted = job.batch.on_exhausted ?? 'reject';
    claims.push(passingClaim(batchBudget(job.batch.id), job.batch.max_total_usd, onExhausted));
  }
  if (job.max_total_usd !== undefined) claims.push(passingClaim(jobBudget(jobId), job.max_total_usd, 'reject'));
  return claims;
}

export function batchBudget(batchId: string): string {
  return `batch:${batchId}`;
}

export function jobBudget(jobId: string): string {
  return `job:${jobId}`;
}

export function keyBudget(keyId: string): string {
  return `key:${keyId}`;
}

function covers(budget: BudgetConfig, { job, model }: BudgetSubject): boolean {
  const { model: alias, provider } = budget;
  if (!coversJob(budget, job)) return false;
  if (alias !== undefined && alias !== model.alias) return false;
  return provider === undefined || provider === model.provider;
}

/** Whether the budget is meant for the job, as far as that depends on the job alone and not on the model that is called. */
export function coversJob(
  { account, task, user }: Pick<BudgetConfig, 'account' | 'task' | 'user'>,
  job: { account?: string | undefined; task?: string | null | undefined; user?: string | undefined },
): boolean {
  if (account !== undefined && account !== job.account) return false;
  if (task !== undefined && task !== job.task) return false;
  return user === undefined || user === job.user;
}

function toClaim(name: string, budget: BudgetConfig, subject: BudgetSubject): BudgetClaim {
  const { per, soft, alert_at: alertAt } = budget;
  const claim: BudgetClaim = {
    name,
    purse: per === undefined ? name : purseOf(name, valueOf(per, subject)),
    window: budget.window,
    limitNanos: usdToNanos(budget.limit_usd),
    isSoft: soft,
    onExhausted: budget.on_exhausted,
    isPassing: per === 'job' || per === 'batch',
  };
  if (alertAt !== undefined) return { ...claim, alertAt };
  // An alert is all that a soft budget does.
  return soft ? { ...claim, alertAt: 1 } : claim;
}

/** Those without a user, a task or a batch share a purse: leaving the tag out must not be a way around the limit. */
function valueOf(per: NonNullable<BudgetConfig['per']>, { job, jobId, model }: BudgetSubject): string {
  switch (per) {
    case 'job':
      return jobId;
    case 'batch':
      return job.batch?.id ?? '';
    case 'model':
      return model.alias;
    case 'provider':
      return model.provider;
    default:
      return job[per] ?? '';
  }
}

/** Values are anybody's text, and this becomes part of a key and of a line: `-` stands for none. */
export function purseOf(name: string, value: string): string {
  return `${name}/${value === '' ? '-' : encodeURIComponent(value.toWellFormed())}`;
}

/** It belongs to nobody who will be forgotten: what a key has spent is kept like that of configured budgets. */
function claimOfKey({ id, budget_window: window = 'total' }: ApiKeyTag, limitUsd: number): BudgetClaim {
  return { ...passingClaim(keyBudget(id), limitUsd, 'reject'), window, isPassing: false };
}

function passingClaim(name: string, limitUsd: number, onExhausted: OnExhausted): BudgetClaim {
  return {
    name,
    purse: name,
    window: 'total',
    limitNanos: usdToNanos(limitUsd),
    isSoft: false,
    onExhausted,
    isPassing: true,
  };
}

/** The window that a time falls in, in UTC: `2026-11-22T14`, `2026-11-22`, `2026-11-16` (its Monday), `2026-11`, `total`. */
export function windowId(window: BudgetWindow, now: number): string {
  if (window === 'total') return 'total';
  const date = new Date(now);
  if (window === 'week') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  const length = { hour: 13, day: 10, week: 10, month: 7 }[window];
  return date.toISOString().slice(0, length);
}
