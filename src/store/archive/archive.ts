import type { Redis } from 'ioredis';
import type { Keys } from '../keys.ts';
import { readRedisTime } from '../redis-clock.ts';
import { createRollups } from '../rollups/rollups.ts';
import { laterId } from '../stream-id.ts';
import { createUsageStream } from '../usage-stream.ts';
import { findArchiveEnd, makeFolder, mendArchive, openArchiveWriter } from './files.ts';
import { withUsageLock } from './lock.ts';
import { identifyArchive, markArchive, readArchiveState, writeArchiveState } from './state.ts';
import { type UsageReader, holdersOf, trimUsage } from './trim.ts';

export type ArchiveReport = {
  archived: number;
  trimmed: number;
  /** For whom archived records are kept in the stream, the one that needs the oldest first. */
  holders: UsageReader[];
};

/**
 * Moves the records of the usage stream that are older than `olderThanMs`, by Redis' clock, to files in `directory`, and
 * removes from the stream what nobody needs any more. It may be killed at any point and run again: what is in a file is
 * not written again, and nothing is removed that is not on the disk.
 */
export async function archiveUsage(options: {
  redis: Redis;
  keys: Keys;
  directory: string;
  olderThanMs: number;
}): Promise<ArchiveReport> {
  const { redis, keys } = options;
  return withUsageLock(redis, keys, async (signal) => {
    await createRollups(redis, keys).catchUp({ signal });
    const startId = await prepare(options);
    signal.throwIfAborted();
    const { archived, trimmed } = await moveRecords(options, startId, signal);
    // Records that somebody needed when they were archived may be free by now.
    const last = await trimUsage(redis, keys);
    return { archived, trimmed: trimmed + last.removed, holders: await holdersOf(redis, keys, last.floor) };
  });
}

/** Returns the last record that need not be archived any more. */
async function prepare({ redis, keys, directory }: { redis: Redis; keys: Keys; directory: string }): Promise<string> {
  const end = await findArchiveEnd(directory);
  let id = await identifyArchive({ redis, keys }, directory, { lastId: end.lastId, mayTakeOver: false });
  if (id === undefined) {
    await makeFolder(directory);
    id = await markArchive(directory);
  }
  await mendArchive(end);
  const { trimmedId } = await readArchiveState(redis, keys);
  // Files of old days may have been taken elsewhere; what was trimmed was in them.
  const startId = laterId(end.lastId, trimmedId);
  await writeArchiveState(redis, keys, { id, directory, written: startId });
  return startId;
}

async function moveRecords(
  { redis, keys, directory, olderThanMs }: { redis: Redis; keys: Keys; directory: string; olderThanMs: number },
  startId: string,
  signal: AbortSignal,
): Promise<{ archived: number; trimmed: number }> {
  const stream = createUsageStream(redis, keys);
  const nowMs = Math.floor(await readRedisTime(redis));
  const beforeId = `${Math.max(0, nowMs - olderThanMs)}-0`;
  const writer = openArchiveWriter(directory);
  const counts = { archived: 0, trimmed: 0 };
  try {
    for (let afterId = startId; ;) {
      const page = await stream.page({ afterId, beforeId });
      const lastId = page.at(-1)?.[0];
      if (lastId === undefined) return counts;
      signal.throwIfAborted();
      await writer.append(page);
      await writeArchiveState(redis, keys, { written: lastId });
      counts.archived += page.length;
      counts.trimmed += (await trimUsage(redis, keys)).removed;
      afterId = lastId;
    }
  } finally {
    await writer.close();
  }
}
