import type { Redis } from 'ioredis';
import { GatewayError } from '../domain/errors.ts';
import type { JobResult } from '../domain/result.ts';
import type { Keys } from '../store/keys.ts';
import type { Ledger } from '../store/ledger.ts';

/** A message can be lost while a connection is being restored; the result itself cannot. */
const LOOK_AGAIN_MS = 5_000;

/** Node's timers hold no more: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits for results: the ledger announces the end of each job on a channel of its own. One subscriber connection
 * serves all waits of a process.
 */
export function createWaiter(subscriber: Redis, keys: Keys, ledger: Ledger) {
  const waiting = new Map<string, Set<() => void>>();
  const givingUp = new Set<() => void>();
  let isClosed = false;
  subscriber.on('message', (channel: string) => {
    for (const look of waiting.get(channel) ?? []) look();
  });

  /** Waits without an end when `timeoutMs` is Infinity; an aborted signal ends it with its reason. */
  async function waitFor(
    jobId: string,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<JobResult> {
    const closed = (): GatewayError =>
      new GatewayError('INTERRUPTED', `the producer was closed before job ${jobId} had ended; it goes on`);
    if (isClosed) throw closed();
    const channel = keys.done(jobId);
    const { promise, resolve, reject } = Promise.withResolvers<JobResult>();
    // It may time out while the subscription is still under way, with nobody listening yet.
    promise.catch(() => {});
    const look = (): void => {
      ledger.results([jobId]).then(([result]) => result && resolve(result), reject);
    };
    const again = setInterval(look, LOOK_AGAIN_MS);
    const giveUp = (): void => reject(closed());
    givingUp.add(giveUp);
    const onAbort = (): void => reject(signal?.reason as Error);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const tooLate = (): void =>
      reject(new GatewayError('DEADLINE_EXCEEDED', `job ${jobId} has not ended within ${timeoutMs} ms; it goes on`));
    const timer = timeoutMs === Infinity ? undefined : setTimeout(tooLate, Math.min(timeoutMs, LONGEST_TIMER_MS));
    const looks = waiting.get(channel) ?? new Set();
    waiting.set(channel, looks.add(look));
    try {
      // First listen, then look: an end between the two is not missed.
      await Promise.race([subscriber.subscribe(channel), promise]);
      look();
      return await promise;
    } finally {
      clearInterval(again);
      clearTimeout(timer);
      givingUp.delete(giveUp);
      signal?.removeEventListener('abort', onAbort);
      looks.delete(look);
      if (looks.size === 0) {
        waiting.delete(channel);
        subscriber.unsubscribe(channel).catch(() => {});
      }
    }
  }

  /** Waits under way end with an error. */
  function close(): void {
    isClosed = true;
    for (const giveUp of givingUp) giveUp();
  }

  return { waitFor, close };
}
