import type { GatewayError } from '../domain/errors.ts';
import type { QueuedJob } from '../domain/job.ts';
import type { FailedResult } from '../domain/result.ts';
import { placeOf } from '../store/dead-letters.ts';
import type { Ledger } from '../store/ledger.ts';

/** Stands for data that nobody can read, so that the job can end, and be counted in its batch, like any other. */
export function ghostOf(jobId: string, lane: string, enqueuedAt: number): QueuedJob {
  const batch = placeOf(jobId);
  return { v: 1, task: null, lane, account: 'default', enqueued_at: enqueuedAt, ...(batch && { batch }) };
}

export type Endings = { ledger: Pick<Ledger, 'trail' | 'settle'>; now: () => number };

/**
 * Ends a job as failed that no worker can end. What has ended stays as it is. False while a call is under way for it, or
 * when an attempt of it was written down just now: nothing is done then.
 */
export async function endForsaken(
  jobId: string,
  job: QueuedJob,
  error: GatewayError,
  { ledger, now }: Endings,
): Promise<boolean> {
  const attempts = await ledger.trail(jobId);
  const result: FailedResult = {
    v: 1,
    job_id: jobId,
    ...(job.id === undefined ? {} : { row_id: job.id }),
    status: 'failed',
    task: job.task,
    attempts,
    cost_nanos: attempts.reduce((sum, attempt) => sum + attempt.cost_nanos, 0),
    total_ms: Math.max(0, now() - job.enqueued_at),
    finished_at: now(),
    ...(job.user === undefined ? {} : { user: job.user }),
    ...(job.metadata === undefined ? {} : { metadata: job.metadata }),
    error: { code: error.code, message: error.message },
  };
  const batchId = job.batch?.id;
  const standing = await ledger.settle({ jobId, ...(batchId && { batchId }), result, unlessCalling: true });
  return standing !== undefined;
}
