import type { GatewayError } from '../domain/errors.ts';
import type { QueuedJob } from '../domain/job.ts';
import { failedResult } from '../domain/result.ts';
import { placeOf } from '../domain/row-id.ts';
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
  const result = failedResult({ jobId, job, attempts, now: now() }, error);
  const batchId = job.batch?.id;
  const standing = await ledger.settle({ jobId, ...(batchId && { batchId }), result, unlessCalling: true });
  return standing !== undefined;
}
