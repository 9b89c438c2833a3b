import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/**
 * Tells every worker that a batch was cancelled. Who is not there to hear it finds the mark at the batch; so it is no
 * failure when nobody can be told, as by a user whose channels are restricted.
 */
export async function announceCancellation(redis: Redis, keys: Keys, batchId: string): Promise<void> {
  await redis.publish(keys.cancellations, batchId).catch(() => {});
}

/**
 * Calls `onCancelled` for each batch that is cancelled from now on. `subscriber` is a connection of its own. Each time it is
 * there, `onConnected` is called: what was announced before was not heard.
 */
export function hearCancellations(
  subscriber: Redis,
  keys: Keys,
  { onCancelled, onConnected }: { onCancelled: (batchId: string) => void; onConnected: () => void },
): void {
  subscriber.on('message', (_channel: string, batchId: string) => onCancelled(batchId));
  subscriber.on('ready', onConnected);
  // It goes on trying for as long as the connection is open; when that is closed there is nothing left to hear.
  subscriber.subscribe(keys.cancellations).catch(() => {});
}

/** Which of these batches are marked as cancelled. */
export async function findCancelled(redis: Redis, keys: Keys, batchIds: readonly string[]): Promise<string[]> {
  const marks = await Promise.all(batchIds.map((id) => redis.hget(keys.batch(id), 'cancelled')));
  return batchIds.filter((_, index) => marks[index] !== null);
}
