import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** What is called off: all jobs of a batch, or one job for which nobody waits any more. */
export type Cancelled = { batchId: string } | { jobId: string };

/** Ids of batches have no colon. */
const JOB_MARK = 'job:';

/**
 * Tells every worker what was cancelled. Who is not there to hear it finds the mark at the batch, or the job's result; so
 * it is no failure when nobody can be told, as by a user whose channels are restricted.
 */
export async function announceCancellation(redis: Redis, keys: Keys, cancelled: Cancelled): Promise<void> {
  const message = 'jobId' in cancelled ? `${JOB_MARK}${cancelled.jobId}` : cancelled.batchId;
  await redis.publish(keys.cancellations, message).catch(() => {});
}

/**
 * Calls `onCancelled` for whatever is cancelled from now on. `subscriber` is a connection of its own. Each time it is
 * there, `onConnected` is called: what was announced before was not heard.
 */
export function hearCancellations(
  subscriber: Redis,
  keys: Keys,
  { onCancelled, onConnected }: { onCancelled: (cancelled: Cancelled) => void; onConnected: () => void },
): void {
  subscriber.on('message', (_channel: string, message: string) =>
    onCancelled(message.startsWith(JOB_MARK) ? { jobId: message.slice(JOB_MARK.length) } : { batchId: message }),
  );
  subscriber.on('ready', onConnected);
  // It goes on trying for as long as the connection is open; when that is closed there is nothing left to hear.
  subscriber.subscribe(keys.cancellations).catch(() => {});
}

/** Which of these batches are marked as cancelled. */
export async function findCancelled(redis: Redis, keys: Keys, batchIds: readonly string[]): Promise<string[]> {
  const marks = await Promise.all(batchIds.map((id) => redis.hget(keys.batch(id), 'cancelled')));
  return batchIds.filter((_, index) => marks[index] !== null);
}
