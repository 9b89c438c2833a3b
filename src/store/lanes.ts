import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/**
 * The lanes that jobs were ever added to. Processes may have other configurations, and whoever takes a job for lost must
 * have looked in all lanes.
 */
export function createLaneList(redis: Redis, keys: Keys) {
  const noted = new Set<string>();

  /** To be called before a job is added. */
  async function note(lanes: readonly string[]): Promise<void> {
    const fresh = lanes.filter((lane) => !noted.has(lane));
    if (fresh.length === 0) return;
    await redis.sadd(keys.lanes, ...fresh);
    for (const lane of fresh) noted.add(lane);
  }

  async function all(): Promise<string[]> {
    return redis.smembers(keys.lanes);
  }

  return { note, all };
}
