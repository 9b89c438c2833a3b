import type { Cancelled } from '../store/cancellations.ts';
import { type AbortKind, CallAborted } from './abort-reasons.ts';
import { type Lease, monotonicMs, takeLease } from './lease.ts';

const lost = (): Error => new CallAborted('lease-lost');

type Held = { lease: Lease; jobId: string; batchId: string | undefined };

/**
 * The jobs that one worker has in its hands, each with the lease that says for how long. By BullMQ's lock tokens: a job
 * that was lost may be back in the same worker while its first start still ends.
 */
export type JobsInHand = {
  /** Holds the job until the lease is ended. `lockedAt`: when BullMQ asked for its lock, in epoch milliseconds. */
  take(token: string, job: { jobId: string; batchId: string | undefined; lockedAt: number }): Lease;
  /** What came of a renewal that was asked for at `askedAtMs` of the monotonic clock. */
  noteRenewal(renewed: readonly string[], refused: readonly string[], askedAtMs: number): void;
  /** Breaks off all of them, those of one batch, or one job. */
  breakOff(kind: AbortKind, which?: Cancelled): void;
  /** The batches that have a job here. */
  batchIds(): string[];
};

export function createJobsInHand(lockMs: number): JobsInHand {
  const held = new Map<string, Held>();
  return {
    take(token, { jobId, batchId, lockedAt }) {
      // The wall clock only tells how long ago that was, and may be wrong by no more than the whole time.
      const heldMs = Math.min(lockMs, Math.max(0, Date.now() - lockedAt));
      const lease = takeLease({ durationMs: lockMs, askedAtMs: monotonicMs() - heldMs, lost });
      const end = (): void => {
        lease.end();
        held.delete(token);
      };
      const entry = { lease: { ...lease, end }, jobId, batchId };
      held.set(token, entry);
      return entry.lease;
    },
    noteRenewal(renewed, refused, askedAtMs) {
      for (const token of renewed) held.get(token)?.lease.confirm(askedAtMs);
      // Others have these jobs now: nobody will take their answers.
      for (const token of refused) held.get(token)?.lease.break(lost());
    },
    breakOff(kind, which) {
      for (const entry of held.values()) if (isMeant(entry, which)) entry.lease.break(new CallAborted(kind));
    },
    batchIds: () => [...new Set([...held.values()].flatMap(({ batchId }) => batchId ?? []))],
  };
}

function isMeant({ jobId, batchId }: Held, which: Cancelled | undefined): boolean {
  if (which === undefined) return true;
  return 'jobId' in which ? which.jobId === jobId : which.batchId === batchId;
}
