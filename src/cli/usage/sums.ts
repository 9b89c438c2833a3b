import type { Redis } from 'ioredis';
import { InputError } from '../../domain/errors.ts';
import { readArchiveState } from '../../store/archive/state.ts';
import type { Keys } from '../../store/keys.ts';
import { OTHER_VALUES, nameOfValue } from '../../store/rollups/place.ts';
import { createRollups } from '../../store/rollups/rollups.ts';
import { dayOfId, nextDay, startOfDay } from '../../store/stream-id.ts';
import { createUsageStream } from '../../store/usage-stream.ts';
import { type Dimension, type UsageGroups, createUsageGroups } from './groups.ts';
import { type Division, dividePeriod, rollupDimension } from './period.ts';

export type SumsQuestion = { by: readonly Dimension[]; sinceMs: number | undefined; batch: string | undefined };

export type SumsAnswer = {
  groups: UsageGroups;
  /** The part that is only in the archive, and where that is. */
  missing: Division['missing'];
  directory: string | undefined;
  /** Some days had more values than there is room for: the rest of them go by one name. */
  hasOthers: boolean;
};

const MOST_TRIES = 5;

/** Sums of the stream, and for what is no longer in it those of the rollups. Every record is in it once. */
export async function sumUsage(redis: Redis, keys: Keys, question: SumsQuestion): Promise<SumsAnswer> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const { trimmedId, directory } = await readArchiveState(redis, keys);
    const dimension = rollupDimension(question.by, question.batch);
    const hasRollups = dimension !== undefined;
    const { days, missing } = dividePeriod({ sinceMs: question.sinceMs, trimmedId, hasRollups });
    const groups = createUsageGroups(question.by);
    let from: { afterId: string } | { sinceMs?: number } = sinceOf(question.sinceMs);
    let hasOthers = false;
    if (days && dimension) {
      const read = await addDays(redis, keys, { groups, dimension, days, by: question.by });
      hasOthers = read.hasOthers;
      // The last of the days may still be growing: what the rollups have not counted yet comes from the stream.
      const isCounted = dayOfId(read.position) > days.last;
      from = isCounted ? { sinceMs: startOfDay(nextDay(days.last)) } : { afterId: read.position };
    }
    for await (const page of createUsageStream(redis, keys).read(from)) {
      for (const entry of page) {
        if (question.batch === undefined || entry.record.batch_id === question.batch) groups.count(entry);
      }
    }
    // Trimmed meanwhile, the stream may have lost what was not read yet.
    if ((await readArchiveState(redis, keys)).trimmedId === trimmedId) return { groups, missing, directory, hasOthers };
  }
  throw new InputError('the usage stream is being trimmed right now; try again when that is done');
}

function sinceOf(sinceMs: number | undefined): { sinceMs?: number } {
  return sinceMs === undefined ? {} : { sinceMs };
}

async function addDays(
  redis: Redis,
  keys: Keys,
  what: {
    groups: UsageGroups;
    dimension: NonNullable<ReturnType<typeof rollupDimension>>;
    days: NonNullable<Division['days']>;
    by: readonly Dimension[];
  },
): Promise<{ position: string; hasOthers: boolean }> {
  const { groups, dimension, days, by } = what;
  const rollups = createRollups(redis, keys);
  let hasOthers = false;
  const addDay = async (day: string): Promise<string> => {
    const { position, sums } = await rollups.readDay(day, [dimension]);
    for (const [value, ofValue] of sums.get(dimension) ?? []) {
      hasOthers ||= value === OTHER_VALUES && by.includes(dimension);
      groups.add(
        by.map((name) => (name === 'day' ? day : nameOfValue(value))),
        ofValue,
      );
    }
    return position;
  };
  const known = await rollups.days();
  for (const day of known) {
    if (day < days.last && (days.first === undefined || day >= days.first)) await addDay(day);
  }
  return { position: await addDay(days.last), hasOthers };
}
