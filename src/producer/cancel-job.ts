import { GatewayError } from '../domain/errors.ts';
import type { QueuedJob } from '../domain/job.ts';
import { type JobResult, failedResult } from '../domain/result.ts';
import type { Ledger } from '../store/ledger.ts';

export type CancelledJob = {
  jobId: string;
  batchId?: string;
  /** Its data, for what its result tells of it; undefined when the queue does not have it (any more). */
  job: Pick<QueuedJob, 'id' | 'task' | 'enqueued_at' | 'user' | 'metadata' | 'reply'> | undefined;
  error: GatewayError;
};

/**
 * Ends a job for which no call is under way, and returns how it has ended; undefined when one is, which its worker must
 * break off. The queue's entry stays until a worker comes to it and finds the job ended: taking entries out of the middle
 * of a long list would cost the square of its length.
 */
export async function cancelJob(ledger: Ledger, cancelled: CancelledJob): Promise<JobResult | undefined> {
  const { jobId, batchId, error } = cancelled;
  let told = -1;
  for (;;) {
    const trail = await ledger.trail(jobId);
    // It was refused, and no attempt has failed since the trail was read: a call is under way.
    if (trail.length === told) return undefined;
    told = trail.length;
    const now = Date.now();
    const job: CancelledJob['job'] & object = cancelled.job ?? { task: null, enqueued_at: now };
    const { reply } = job;
    const result = failedResult({ jobId, job, attempts: trail, now }, error);
    const standing = await ledger.settle({
      jobId,
      ...(batchId && { batchId }),
      ...(reply && { reply }),
      result,
      unlessCalling: true,
    });
    if (standing) return standing;
  }
}
