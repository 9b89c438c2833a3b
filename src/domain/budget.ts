import type { Config, WINDOWS } from './config.ts';
import type { QueuedJob } from './job.ts';
import { usdToNanos } from './money.ts';

export type BudgetWindow = (typeof WINDOWS)[number];

/** A budget that a job must fit in: which one, which of its windows, and how much may be spent there. */
export type BudgetClaim = { name: string; window: string; limitNanos: number };

/** The budgets that cover a job at this time: the configured ones that match it, and its batch's cap. */
export function budgetsFor(job: QueuedJob, budgets: Config['budgets'], now: number): BudgetClaim[] {
  const claims: BudgetClaim[] = [];
  for (const [name, budget] of Object.entries(budgets)) {
    if (budget.account !== undefined && budget.account !== job.account) continue;
    if (budget.task !== undefined && budget.task !== job.task) continue;
    if (budget.user !== undefined && budget.user !== job.user) continue;
    claims.push({ name, window: windowId(budget.window, now), limitNanos: usdToNanos(budget.limit_usd) });
  }
  if (job.batch?.max_total_usd !== undefined) {
    claims.push({ name: batchBudget(job.batch.id), window: 'total', limitNanos: usdToNanos(job.batch.max_total_usd) });
  }
  return claims;
}

export function batchBudget(batchId: string): string {
  return `batch:${batchId}`;
}

/** The window that a time falls in, in UTC: `2026-11-22T14`, `2026-11-22`, `2026-11-16` (its Monday), `2026-11`, `total`. */
export function windowId(window: BudgetWindow, now: number): string {
  if (window === 'total') return 'total';
  const date = new Date(now);
  if (window === 'week') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  const length = { hour: 13, day: 10, week: 10, month: 7 }[window];
  return date.toISOString().slice(0, length);
}
