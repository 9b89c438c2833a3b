import type { Redis } from 'ioredis';
import type { ExperimentConfig } from '../../domain/experiment-config.ts';
import { partsOf } from '../../domain/experiment-part.ts';
import type { Keys } from '../keys.ts';
import { compareIds } from '../stream-id.ts';
import { type ExperimentTally, createExperimentTally } from './tally.ts';

const READER = 'experiments';

/** One for each experiment of a configuration, by name. */
export function createExperimentTallies(
  redis: Redis,
  keys: Keys,
  experiments: Readonly<Record<string, ExperimentConfig>>,
): ReadonlyMap<string, ExperimentTally> {
  const parts = partsOf(experiments);
  return new Map(
    Object.entries(experiments).map(([name, experiment]) => {
      return [name, createExperimentTally(redis, keys, name, experiment, parts.get(name))];
    }),
  );
}

/** Has the feedback stream keep the scores that one of them has not counted. To be said again as they go on. */
export async function holdFeedback(redis: Redis, keys: Keys, tallies: Iterable<ExperimentTally>): Promise<void> {
  const positions = await Promise.all(Array.from(tallies, (tally) => tally.feedbackPosition()));
  const [least] = positions.filter((position) => position !== undefined).toSorted(compareIds);
  if (least === undefined) await redis.hdel(keys.feedbackReaders, READER);
  else await redis.hset(keys.feedbackReaders, READER, least);
}
