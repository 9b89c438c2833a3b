import type { Redis } from 'ioredis';
import type { Keys } from '../store/keys.ts';
import { createRollups } from '../store/rollups/rollups.ts';
import type { Chore } from './chores.ts';

const EVERY_MS = 5_000;

/** Keeps the sums of usage by day up to date. It may be killed at any point: each page is counted once or not at all. */
export function rollupChore(redis: Redis, keys: Keys): Chore {
  const rollups = createRollups(redis, keys);
  return {
    name: 'usage-rollups',
    everyMs: EVERY_MS,
    async run(signal) {
      await rollups.catchUp({ signal });
    },
  };
}
