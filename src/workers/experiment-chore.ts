import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { createExperimentTally } from '../store/experiments/tally.ts';
import type { Keys } from '../store/keys.ts';
import type { Chore } from './chores.ts';

const EVERY_MS = 2_000;

/** Counts the outcomes of experiments. It may be killed at any point: each page is counted once or not at all. */
export function experimentChore(redis: Redis, keys: Keys, { experiments }: Pick<Config, 'experiments'>): Chore {
  const tallies = Object.entries(experiments).map(([name, experiment]) =>
    createExperimentTally(redis, keys, name, experiment),
  );
  return {
    name: 'experiments',
    everyMs: EVERY_MS,
    async run(signal) {
      for (const tally of tallies) await tally.catchUp({ takesOver: true, signal });
    },
  };
}
