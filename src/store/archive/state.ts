import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { InputError } from '../../domain/errors.ts';
import type { Keys } from '../keys.ts';
import { FIRST_ID, compareIds } from '../stream-id.ts';
import { createUsageStream } from '../usage-stream.ts';
import { dayFiles, syncFolder } from './files.ts';

/** What Redis knows of the archive. Ids are `0-0` before there is any. */
export type ArchiveState = {
  /** The last record that is in a file, and the last one that is no longer in the stream. */
  writtenId: string;
  trimmedId: string;
  /** How many are no longer in the stream. */
  trimmedRecords: number;
  /** Where the files are, on the machine that archived last. */
  directory: string | undefined;
  /** Tells this installation's archive from others. */
  archiveId: string | undefined;
};

/** Also when Redis is out of memory: nothing can be trimmed before it is written down that it is archived. */
const WRITE = `#!lua flags=allow-oom
return redis.call('HSET', KEYS[1], unpack(ARGV))
`;

export async function readArchiveState(redis: Redis, keys: Keys): Promise<ArchiveState> {
  const hash: Record<string, string | undefined> = await redis.hgetall(keys.usageArchive);
  return {
    writtenId: hash['written'] ?? FIRST_ID,
    trimmedId: hash['trimmed'] ?? FIRST_ID,
    trimmedRecords: Number(hash['trimmed_records'] ?? 0),
    directory: hash['directory'],
    archiveId: hash['id'],
  };
}

type StateFields = Partial<Record<'written' | 'trimmed' | 'trimmed_records' | 'directory' | 'id', string>>;

export async function writeArchiveState(redis: Redis, keys: Keys, fields: StateFields): Promise<void> {
  await redis.eval(WRITE, 1, keys.usageArchive, ...Object.entries(fields).flat());
}

/** In the folder of an archive: `{ "id": ... }`. Two installations that write to one folder would lose records. */
const MARKER = 'archive.json';

/**
 * Which archive the folder holds, and demands that it is this installation's; undefined for a folder without one. Throws
 * an InputError for another's. A Redis that knows of none, as a new one after the old one was lost, may take over one
 * whose last record is older than all of its own.
 */
export async function identifyArchive(
  { redis, keys }: { redis: Redis; keys: Keys },
  directory: string,
  { lastId, mayTakeOver }: { lastId: string; mayTakeOver: boolean },
): Promise<string | undefined> {
  const { archiveId, trimmedId, directory: known } = await readArchiveState(redis, keys);
  const found = await readMarker(directory);
  const isNew = found === undefined && (await dayFiles(directory)).length === 0;
  if (isNew && (archiveId === undefined || trimmedId === FIRST_ID)) return undefined;
  if (found === undefined || (archiveId !== undefined && found !== archiveId)) {
    const isElsewhere = known !== undefined && known !== directory;
    const advice = isElsewhere ? `that was last in ${known}: name it, or move it here` : 'name the folder that does';
    throw new InputError(`${directory} does not hold the usage archive of this installation; ${advice}`);
  }
  if (archiveId === undefined && lastId !== FIRST_ID) {
    const [oldest] = await createUsageStream(redis, keys).page({ afterId: FIRST_ID, count: 1 });
    const isOlder = oldest === undefined || compareIds(oldest[0], lastId) > 0;
    if (!isOlder || !mayTakeOver) {
      const takeOver = `; if it was this one's: sluice usage rebuild --archive ${directory}`;
      throw new InputError(
        `${directory} holds the usage archive of another installation: name another folder${isOlder ? takeOver : ''}`,
      );
    }
  }
  return found;
}

/** Makes the folder, which has to exist, one of an archive. */
export async function markArchive(directory: string): Promise<string> {
  const id = randomUUID();
  const beside = join(directory, `.${MARKER}.${id}`);
  const handle = await open(beside, 'wx');
  await handle.writeFile(`${JSON.stringify({ id })}\n`);
  await handle.sync().finally(() => handle.close());
  await rename(beside, join(directory, MARKER));
  await syncFolder(directory);
  return id;
}

async function readMarker(directory: string): Promise<string | undefined> {
  const text = await readFile(join(directory, MARKER), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === 'object' && content !== null && 'id' in content && typeof content.id === 'string') {
      return content.id;
    }
  } catch {
    // Said below.
  }
  throw new InputError(`${join(directory, MARKER)}: not the mark of a usage archive`);
}
