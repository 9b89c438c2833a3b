import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedRedis, acquireEmbeddedRedis, fateOfEmbeddedRedis } from '../store/embedded/index.ts';
import type { Context } from './context.ts';
import type { OpenRedis } from './redis.ts';

export type RedisKeeper = {
  /** Resolves when Redis was stopped on purpose, by `sluice down`; rejects when it died and does not start again. */
  stopped: Promise<void>;
  /** Looks away. Call it before the Redis is closed. */
  close(): Promise<void>;
};

/** One that dies over and over is not started more often. */
const STARTS_APART_MS = 5_000;

/**
 * Starts a folder's own Redis again when it dies under the command; its AOF has the data. A Redis that was named is for
 * whoever runs it to keep.
 */
export function keepRedis(context: Context, { redis, isEmbedded }: OpenRedis): RedisKeeper {
  const closing = new AbortController();
  const { promise: stopped, resolve, reject } = Promise.withResolvers<void>();
  // It may be told before anybody listens.
  stopped.catch(() => {});
  let use: EmbeddedRedis | undefined;
  let startedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;

  async function check(): Promise<void> {
    const fate = await fateOfEmbeddedRedis(context.directory);
    if (closing.signal.aborted || fate === 'runs') return;
    if (fate === 'stopped') return resolve();
    const tooEarlyMs = startedAt + STARTS_APART_MS - Date.now();
    if (tooEarlyMs > 0) await sleep(tooEarlyMs, undefined, { signal: closing.signal });
    const next = await acquireEmbeddedRedis({ directory: context.directory, install: false, log: () => {} });
    startedAt = Date.now();
    // The use that comes first: between two, the last one out would end the server.
    await use?.release();
    use = next;
    context.note('Redis died; it was started again, with all that was in it');
  }

  // Also each attempt to connect again that fails is a loss: what one check finds too early, the next one finds.
  const onLoss = (): void => {
    checking ??= check()
      .catch((error: unknown) => {
        if (!closing.signal.aborted) reject(error);
      })
      .finally(() => (checking = undefined));
  };
  if (isEmbedded) {
    redis.on('close', onLoss);
    // It connects with its first command.
    redis.ping().catch(() => {});
  }
  return {
    stopped,
    async close() {
      redis.off('close', onLoss);
      closing.abort();
      await checking;
      await use?.release();
    },
  };
}
