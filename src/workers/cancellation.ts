import type { Redis } from 'ioredis';
import { type Cancelled, findCancelled, hearCancellations } from '../store/cancellations.ts';
import type { Keys } from '../store/keys.ts';

/** Whoever has jobs in hand. */
export type Cancellable = {
  cancel(cancelled: Cancelled): void;
  batchIds(): string[];
};

/**
 * Breaks off the jobs that are cancelled, by whichever process. What is not in hand yet, or is admitted after a message
 * that was not heard, is stopped by the batch's mark, or by the result that a single job has by then.
 */
export function obeyCancellations(options: {
  /** A connection of its own. */
  subscriber: Redis;
  redis: Redis;
  keys: Keys;
  workers: readonly Cancellable[];
}): void {
  const { subscriber, redis, keys, workers } = options;
  const cancel = (cancelled: Cancelled): void => {
    for (const worker of workers) worker.cancel(cancelled);
  };
  async function catchUp(): Promise<void> {
    const inHand = new Set(workers.flatMap((worker) => worker.batchIds()));
    for (const batchId of await findCancelled(redis, keys, [...inHand])) cancel({ batchId });
  }
  // It is only sooner than the mark: an error here is one of the connection, which is reported there.
  hearCancellations(subscriber, keys, { onCancelled: cancel, onConnected: () => void catchUp().catch(() => {}) });
}
