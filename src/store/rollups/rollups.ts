import type { Redis } from 'ioredis';
import { DIMENSION_NAMES, type UsageDimension, type UsageSums } from '../../domain/usage-sums.ts';
import type { Keys } from '../keys.ts';
import { FIRST_ID, compareIds } from '../stream-id.ts';
import { type UsageEntry, createUsageStream, understand } from '../usage-stream.ts';
import { readSums, tally, toArguments } from './fold.ts';
import { MOST_VALUES, createPlace } from './place.ts';
import { COUNT_PAGE } from './scripts.ts';

/** Few enough that Redis is not held up for long by the script that counts them. */
const PAGE = 250;

/** The sums of one day, by dimension and value (see `place.ts`), and up to which record they go. */
export type RollupDay = { position: string; sums: Map<UsageDimension, Map<string, UsageSums>> };

export type Rollups = ReturnType<typeof createRollups>;

/** Sums of the usage stream by day and model, task, account, user, key, variant and provider. They outlive its records. */
export function createRollups(
  redis: Redis,
  keys: Keys,
  options: { /** Where they are, when not where all read them. */ root?: string; mostValues?: number } = {},
) {
  const { root = keys.rollups, mostValues = MOST_VALUES } = options;
  const place = createPlace(root);
  const stream = createUsageStream(redis, keys);

  /** The id of the last record that was counted. */
  async function position(): Promise<string> {
    return (await redis.hget(place.root, 'position')) ?? FIRST_ID;
  }

  /**
   * Counts the entries, which follow `afterId` without a gap up to `lastId`. Returns false, and has counted nothing, when
   * the position is not `afterId`: they have been counted before, or another process is at it.
   */
  async function count(afterId: string, lastId: string, entries: readonly UsageEntry[]): Promise<boolean> {
    const sums = toArguments(tally(entries));
    const elsewhere = await redis.eval(COUNT_PAGE, 1, place.root, afterId, lastId, mostValues, ...sums);
    return elsewhere === null;
  }

  /** Counts what the stream has beyond the position, up to its end or `untilId`. Returns how many entries this call did. */
  async function catchUp(how: { untilId?: string; signal?: AbortSignal } = {}): Promise<number> {
    const { untilId, signal } = how;
    let done = 0;
    for (;;) {
      signal?.throwIfAborted();
      const afterId = await position();
      if (untilId !== undefined && compareIds(afterId, untilId) >= 0) return done;
      const page = await stream.page({ afterId, count: PAGE, ...(untilId === undefined ? {} : { untilId }) });
      const lastId = page.at(-1)?.[0];
      if (lastId === undefined) return done;
      // Refused when another process was faster: the next turn asks where it stands now.
      if (await count(afterId, lastId, page.flatMap(understand))) done += page.length;
    }
  }

  /** The days that have records, in order. */
  async function days(): Promise<string[]> {
    return (await redis.smembers(place.days)).toSorted();
  }

  /** In one step, so that sums and position belong together. */
  async function readDay(day: string, dimensions: readonly UsageDimension[] = DIMENSION_NAMES): Promise<RollupDay> {
    const step = redis.multi().hget(place.root, 'position');
    for (const dimension of dimensions) step.hgetall(place.of(day, dimension));
    const replies = ((await step.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
    const [counted, ...hashes] = replies as [string | null, ...Record<string, string>[]];
    return {
      position: counted ?? FIRST_ID,
      sums: new Map(dimensions.map((dimension, index) => [dimension, readSums(hashes[index] ?? {})])),
    };
  }

  async function clear(): Promise<void> {
    // Without a position they are nobody's any more, however far this gets.
    await redis.unlink(place.root);
    for (const day of await days()) await redis.unlink(...place.allOf(day));
    await redis.unlink(place.days);
  }

  return { root, position, count, catchUp, days, readDay, clear };
}
