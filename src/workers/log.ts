import type { Logger } from 'pino';
import type { BudgetAlert } from '../domain/budget.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Start } from './services.ts';

/** One line an attempt, from an allow-list of fields: no prompt, no answer, no key can get in. */
export function logOutcome(logger: Logger, start: Start, outcome: Outcome): void {
  const fields = {
    job_id: start.jobId,
    attempt: start.attemptsStarted,
    task: start.job.task ?? null,
    lane: start.job.lane,
    batch_id: start.job.batch?.id,
  };
  switch (outcome.kind) {
    case 'completed':
      if (outcome.result.status === 'completed') {
        const { model, latency_ms, cost_nanos, cached } = outcome.result;
        logger.debug({ ...fields, model, latency_ms, cost_usd: cost_nanos / 1e9, cached }, 'job completed');
      }
      return;
    case 'rejected':
      logger[outcome.error.code === 'CANCELLED' ? 'debug' : 'warn'](
        { ...fields, code: outcome.error.code, reason: outcome.error.message },
        'job failed',
      );
      return;
    case 'next-model':
    case 'deferred':
      logger.info(
        { ...fields, code: outcome.error.code, reason: outcome.error.message, delay_ms: outcome.delayMs },
        outcome.kind === 'deferred' ? 'job deferred' : 'attempt failed',
      );
  }
}

/** Each is raised once in a window, by whichever worker it comes to. */
export function logAlert(logger: Logger, { purse, window, spent_nanos, limit_nanos, soft }: BudgetAlert): void {
  const amounts = { spent_usd: spent_nanos / 1e9, limit_usd: limit_nanos / 1e9 };
  logger.warn({ budget: purse, window, ...amounts, soft }, 'budget alert');
}

const SECOND_MS = 1_000;

/** For what can happen thousands of times a second: one line of them is enough to know, and a flood fills the disk. */
export function onceASecond(clock: () => number = () => performance.now()): (write: () => void) => void {
  let lastAtMs = Number.NEGATIVE_INFINITY;
  return (write) => {
    if (clock() - lastAtMs < SECOND_MS) return;
    lastAtMs = clock();
    write();
  };
}
