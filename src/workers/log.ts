import type { Logger } from 'pino';
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
