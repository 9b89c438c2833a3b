import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import type { Outcome } from '../domain/outcome.ts';
import type { QueuedJob } from '../domain/job.ts';
import type { WriteGuard } from './write-guard.ts';

/** What BullMQ keeps and shows of a job that completed. The answer itself lies in the ledger, where it cannot bloat the queue. */
export type ReturnValue = { model: string; attempts: number; cost_usd: number; cached?: true; score?: number };

/** An error that makes BullMQ start the job once more, after `delayMs`. */
class NextAttempt extends Error {
  readonly delayMs: number;

  constructor(message: string, delayMs: number) {
    super(message);
    this.name = 'NextAttempt';
    this.delayMs = delayMs;
  }
}

/** Makes BullMQ fail the job for good. Every other failure that is final was BullMQ's own decision. */
export class Rejected extends UnrecoverableError {}

/**
 * Turns an outcome into what BullMQ understands; the only place that knows its signals. A returned value completes the
 * job, everything else is thrown.
 */
export async function settle(
  outcome: Outcome,
  job: Job<QueuedJob, ReturnValue>,
  token: string,
  { guard, now }: { guard: WriteGuard; now: () => number },
): Promise<ReturnValue> {
  switch (outcome.kind) {
    case 'completed':
      return toReturnValue(outcome);
    case 'next-model':
      // BullMQ puts a retry at the back of the queue, behind every waiting row, unless the job in hand says otherwise.
      if (outcome.delayMs === 0) job.opts.lifo = true;
      throw new NextAttempt(outcome.error.message, outcome.delayMs);
    case 'deferred':
      if (outcome.delayMs === 0) {
        await putBack(() => job.moveToWait(token), guard);
        throw new WaitingError(outcome.error.message);
      }
      await putBack(() => job.moveToDelayed(now() + outcome.delayMs, token), guard);
      throw new DelayedError(outcome.error.message);
    case 'rejected':
      throw new Rejected(`${outcome.error.code}: ${outcome.error.message}`);
  }
}

/**
 * A job that cannot be moved is not ours any more, or Redis is in trouble: others find it when its lock has run out.
 * BullMQ is told that it was moved all the same: of anything else it would make a failure, which spends an attempt.
 */
async function putBack(move: () => Promise<unknown>, guard: WriteGuard): Promise<void> {
  await guard.insist(move).catch(() => {});
}

/** For the worker's `settings.backoffStrategy`. It must not throw: BullMQ would leave the job active without a lock. */
export function backoffDelay(_attemptsMade: number, _type?: string, error?: Error): number {
  return error instanceof NextAttempt ? error.delayMs : 0;
}

function toReturnValue({ result }: Extract<Outcome, { kind: 'completed' }>): ReturnValue {
  const value: ReturnValue = {
    model: result.status === 'completed' ? result.model : '-',
    attempts: result.attempts.length,
    cost_usd: result.cost_nanos / 1e9,
  };
  if (result.status === 'completed' && result.cached) value.cached = true;
  if (result.status === 'completed' && result.score !== undefined) value.score = result.score;
  return value;
}
