import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Keys } from './keys.ts';

/** What a process told of itself: when (epoch ms), and how many calls it had under way on which model. */
const Told = z.object({ at: z.number(), calls: z.record(z.string(), z.number()) });

/** Whoever has not told for so long has stopped, or cannot reach Redis: what it had under way is not known. */
const STALE_AFTER_MS = 5_000;
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * Processes tell each other how many calls they have under way: a field of one hash each, once in a while. Nothing is
 * decided by it that must be right, so that no call need wait for it, and none pays for it.
 */
export function createCallExchange(
  redis: Redis,
  keys: Keys,
  now: () => number,
): (own: ReadonlyMap<string, number>) => Promise<Map<string, number>> {
  const name = randomUUID();

  /** Tells one's own calls, and returns those of all others, by alias. One round trip. */
  return async (own) => {
    const at = now();
    const told = JSON.stringify({ at, calls: Object.fromEntries(own) });
    const [, all] = await Promise.all([
      redis.hset(keys.callsUnderWay, name, told),
      redis.hgetall(keys.callsUnderWay),
      redis.pexpire(keys.callsUnderWay, FORGOTTEN_AFTER_MS),
    ]);
    const others = Object.entries(all).flatMap(([process, text]) =>
      process === name ? [] : [{ process, ...readTold(text) }],
    );
    const gone = others.filter((other) => other.at + FORGOTTEN_AFTER_MS < at).map(({ process }) => process);
    if (gone.length > 0) await redis.hdel(keys.callsUnderWay, ...gone);
    return sumOf(others.filter((other) => other.at + STALE_AFTER_MS >= at).map(({ calls }) => calls));
  };
}

/** What another version wrote is as good as nothing. */
function readTold(text: string): z.infer<typeof Told> {
  try {
    return Told.parse(JSON.parse(text));
  } catch {
    return { at: 0, calls: {} };
  }
}

function sumOf(all: readonly Record<string, number>[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const calls of all) {
    for (const [alias, count] of Object.entries(calls)) sums.set(alias, (sums.get(alias) ?? 0) + count);
  }
  return sums;
}
