import type { Redis } from 'ioredis';
import type { JobResult } from '../domain/result.ts';
import type { Keys } from '../store/keys.ts';
import type { Ledger } from '../store/ledger.ts';
import { type RelayMessage, createRelayEar } from '../store/relay.ts';
import type { Wait, WaitOptions, Waits } from './waits.ts';

/** For replies that were lost: while the connection was restored, or written by somebody who did not know of us. */
const LOOK_AGAIN_MS = 5_000;
const LOOKED_FOR_AT_ONCE = 500;

/**
 * Waits for the results of jobs that say to whom they are told: the ledger sends them, in the step in which it writes them
 * down, to the one channel of this process. No subscription and no look a job.
 */
export function createAsker(subscriber: Redis, keys: Keys, ledger: Ledger, waits: Waits, producerId: string) {
  const waiting = new Map<string, { wait: Wait; since: number }>();
  const hear = (result: JobResult): void => waiting.get(result.job_id)?.wait.resolve(result);
  const ear = createRelayEar(subscriber, keys, producerId, hear);
  let again: NodeJS.Timeout | undefined;
  // What was sent while the connection was away nobody has heard.
  subscriber.on('ready', () => void lookFor([...waiting.keys()]));

  async function lookFor(jobIds: readonly string[]): Promise<void> {
    for (let first = 0; first < jobIds.length; first += LOOKED_FOR_AT_ONCE) {
      // When Redis does not answer, there is another look after this one.
      const results = await ledger.results(jobIds.slice(first, first + LOOKED_FOR_AT_ONCE)).catch(() => []);
      for (const result of results) if (result) hear(result);
    }
  }

  function lookAgain(): void {
    const before = performance.now() - LOOK_AGAIN_MS;
    void lookFor([...waiting].filter(([, { since }]) => since <= before).map(([jobId]) => jobId));
  }

  /** `submit` enqueues the job; its reply is listened for before. */
  async function ask(
    jobId: string,
    { onPieces, ...options }: WaitOptions & { onPieces?: (message: RelayMessage) => void },
    submit: () => Promise<unknown>,
  ): Promise<JobResult> {
    const wait = waits.begin(jobId, options);
    const hush = onPieces && ear.listen(jobId, onPieces);
    waiting.set(jobId, { wait, since: performance.now() });
    again ??= setInterval(lookAgain, LOOK_AGAIN_MS);
    try {
      await Promise.race([ear.ready, wait.result]);
      await submit();
      return await wait.result;
    } finally {
      hush?.();
      wait.end();
      waiting.delete(jobId);
      if (waiting.size === 0) {
        clearInterval(again);
        again = undefined;
      }
    }
  }

  return { ask, listen: (...heard: Parameters<typeof ear.listen>) => ear.listen(...heard) };
}
