import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import { InputError } from '../../domain/errors.ts';
import { type UsageDimension, type UsageMeasure, USAGE_MEASURES, emptySums } from '../../domain/usage-sums.ts';
import { findArchiveEnd, readArchive } from '../archive/files.ts';
import { withUsageLock } from '../archive/lock.ts';
import { identifyArchive, readArchiveState, writeArchiveState } from '../archive/state.ts';
import type { Keys } from '../keys.ts';
import { FIRST_ID, dayOfId } from '../stream-id.ts';
import { type RollupDay, type Rollups, createRollups } from './rollups.ts';
import { SWAP } from './scripts.ts';

/** A sum that was another before. `value` as it is kept; see `place.ts`. */
export type RollupDifference = {
  day: string;
  dimension: UsageDimension;
  value: string;
  measure: UsageMeasure;
  before: number;
  after: number;
};

export type RebuildReport = { days: number; fromFiles: number; fromStream: number; differences: RollupDifference[] };

/**
 * Counts everything again, from the files of the archive and then the stream, beside the rollups that are read, and puts
 * the new ones in their place in one step. Throws an InputError, and has changed nothing, when records are in neither.
 */
export async function rebuildRollups(options: {
  redis: Redis;
  keys: Keys;
  /** Of the archive; undefined when there is none. */
  directory: string | undefined;
}): Promise<RebuildReport> {
  const { redis, keys, directory } = options;
  return withUsageLock(redis, keys, async (signal) => {
    const live = createRollups(redis, keys);
    const fresh = createRollups(redis, keys, { root: keys.rollupsBeside });
    await fresh.clear();
    await live.catchUp({ signal });
    const before = await takeSnapshot(live);
    const fromFiles = directory === undefined ? 0 : await countFiles({ redis, keys }, directory, fresh, signal);
    await demandAll(redis, keys, directory, fromFiles);
    const fromStream = await fresh.catchUp({ untilId: before.lastDay.position, signal });
    const differences = await compare(before, live, fresh);
    const days = await fresh.days();
    signal.throwIfAborted();
    const refused = await redis.eval(SWAP, 3, live.root, fresh.root, keys.usageArchive, await fresh.position());
    if (refused !== null) throw new InputError('the stream was trimmed meanwhile; nothing was changed: run it again');
    await live.catchUp({ signal });
    return { days: days.length, fromFiles, fromStream, differences };
  });
}

/** The rollups up to one position. Days before the last one change no more; that one is kept as it was. */
type Snapshot = { days: string[]; lastDay: RollupDay };

async function takeSnapshot(live: Rollups): Promise<Snapshot> {
  for (;;) {
    const day = dayOfId(await live.position());
    const lastDay = await live.readDay(day);
    if (dayOfId(lastDay.position) !== day) continue;
    return { days: (await live.days()).filter((known) => known <= day), lastDay };
  }
}

/** Counts what is in the files alone: of the rest the stream tells. Returns how many records that were. */
async function countFiles(
  { redis, keys }: { redis: Redis; keys: Keys },
  directory: string,
  fresh: Rollups,
  signal: AbortSignal,
): Promise<number> {
  const { lastId } = await findArchiveEnd(directory);
  const id = await identifyArchive({ redis, keys }, directory, { lastId, mayTakeOver: true });
  if (id === undefined) throw new InputError(`${directory} holds no usage archive`);
  const { archiveId, trimmedId } = await readArchiveState(redis, keys);
  const untilId = archiveId === undefined ? lastId : trimmedId;
  let at = FIRST_ID;
  let records = 0;
  for await (const page of readArchive(directory, untilId)) {
    signal.throwIfAborted();
    if (!(await fresh.count(at, page.lastId, page.entries))) throw new Error('rebuilt by two at once');
    at = page.lastId;
    records += page.count;
  }
  if (archiveId === undefined) {
    // A new Redis: what is in the files was in the stream of the one before.
    const trimmed = { trimmed: lastId, trimmed_records: String(records) };
    await writeArchiveState(redis, keys, { id, directory, written: lastId, ...trimmed });
  }
  return records;
}

/** Whoever rebuilds from less than there was would take a loss for the truth. */
async function demandAll(redis: Redis, keys: Keys, directory: string | undefined, fromFiles: number): Promise<void> {
  const { trimmedRecords, directory: known } = await readArchiveState(redis, keys);
  if (fromFiles >= trimmedRecords) return;
  const where =
    directory === undefined ? `were archived in ${known}: name it with --archive` : `are not in ${directory}`;
  const missing = `${trimmedRecords - fromFiles} of the ${trimmedRecords} records that are no longer in the stream`;
  throw new InputError(`${missing} ${where}; nothing was changed`);
}

async function compare(before: Snapshot, live: Rollups, fresh: Rollups): Promise<RollupDifference[]> {
  const lastDay = dayOfId(before.lastDay.position);
  const differences: RollupDifference[] = [];
  for (const day of new Set([...before.days, ...(await fresh.days())].toSorted())) {
    const old = day === lastDay ? before.lastDay : await live.readDay(day);
    differences.push(...differencesOf(day, old, await fresh.readDay(day)));
  }
  return differences;
}

function differencesOf(day: string, before: RollupDay, after: RollupDay): RollupDifference[] {
  return [...after.sums].flatMap(([dimension, sums]) => {
    const old = before.sums.get(dimension) ?? new Map();
    return [...new Set([...old.keys(), ...sums.keys()])].flatMap((value) => {
      const [from, to] = [old.get(value) ?? emptySums(), sums.get(value) ?? emptySums()];
      if (isDeepStrictEqual(from, to)) return [];
      return USAGE_MEASURES.filter((measure) => from[measure] !== to[measure]).map((measure) => {
        return { day, dimension, value, measure, before: from[measure], after: to[measure] };
      });
    });
  });
}
