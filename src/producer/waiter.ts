import type { Redis } from 'ioredis';
import type { JobResult } from '../domain/result.ts';
import type { Keys } from '../store/keys.ts';
import type { Ledger } from '../store/ledger.ts';
import type { WaitOptions, Waits } from './waits.ts';

/** A message can be lost while a connection is being restored; the result itself cannot. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Waits for results of any job, whoever enqueued it: the ledger announces the end of each on a channel of its own. One
 * subscriber connection serves all waits of a process.
 */
export function createWaiter(subscriber: Redis, keys: Keys, ledger: Ledger, waits: Waits) {
  const waiting = new Map<string, Set<() => void>>();
  subscriber.on('message', (channel: string) => {
    for (const look of waiting.get(channel) ?? []) look();
  });

  return async function waitFor(jobId: string, options: WaitOptions): Promise<JobResult> {
    const wait = waits.begin(jobId, options);
    const channel = keys.done(jobId);
    const look = (): void => {
      ledger.results([jobId]).then(
        ([result]) => result && wait.resolve(result),
        (error: unknown) => wait.reject(error),
      );
    };
    const again = setInterval(look, LOOK_AGAIN_MS);
    const looks = waiting.get(channel) ?? new Set();
    waiting.set(channel, looks.add(look));
    try {
      // First listen, then look: an end between the two is not missed.
      await Promise.race([subscriber.subscribe(channel), wait.result]);
      look();
      return await wait.result;
    } finally {
      clearInterval(again);
      wait.end();
      looks.delete(look);
      if (looks.size === 0) {
        waiting.delete(channel);
        subscriber.unsubscribe(channel).catch(() => {});
      }
    }
  };
}
