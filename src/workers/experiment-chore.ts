import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { createExperimentTallies, holdFeedback } from '../store/experiments/tallies.ts';
import type { Keys } from '../store/keys.ts';
import type { Chore } from './chores.ts';

const EVERY_MS = 2_000;

/**
 * Counts the outcomes of experiments. It may be killed at any point: each page is counted once or not at all. An experiment
 * that cannot be counted does not keep the others from it; the first failure is thrown when all have had their turn.
 */
export function experimentChore(redis: Redis, keys: Keys, { experiments }: Pick<Config, 'experiments'>): Chore {
  const tallies = [...createExperimentTallies(redis, keys, experiments).values()];
  return {
    name: 'experiments',
    everyMs: EVERY_MS,
    async run(signal) {
      signal.throwIfAborted();
      // Before they count: where they stand then is behind where they will be.
      await holdFeedback(redis, keys, tallies);
      const failures: unknown[] = [];
      for (const tally of tallies) {
        await tally.catchUp({ takesOver: true, signal }).catch((error: unknown) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
