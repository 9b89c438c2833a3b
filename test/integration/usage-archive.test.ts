import { appendFile, readFile, rename, rm, stat, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { archiveUsage } from '../../src/store/archive/archive.ts';
import { dayFiles } from '../../src/store/archive/files.ts';
import { compareIds } from '../../src/store/stream-id.ts';
import type { UsageEntry } from '../../src/store/usage-stream.ts';
import { type Stores, openStores } from '../support/harness.ts';
import {
  entriesArbitrary,
  killedAt,
  killedBeforeMark,
  someEntries,
  useFolders,
  writeEntries,
} from '../support/usage-steps.ts';

const newFolder = useFolders();
const open: Stores[] = [];
afterEach(async () => {
  for (const stores of open.splice(0)) await stores.close();
});

function newStores(): Stores {
  const stores = openStores();
  open.push(stores);
  return stores;
}

const ENTRIES = someEntries(40);

async function linesOf(file: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function archivedEntries(directory: string): Promise<UsageEntry[]> {
  const all = await Promise.all((await dayFiles(directory)).map(linesOf));
  return all.flat().map(({ id, ...record }) => ({ id, record }) as UsageEntry);
}

/** A writer that was killed leaves any part of what it had not told Redis of yet. */
async function tear({ redis, keys }: Stores, directory: string, share: number): Promise<void> {
  const file = (await dayFiles(directory)).at(-1);
  if (file === undefined) return;
  const written = (await redis.hget(keys.usageArchive, 'written')) ?? '0-0';
  const lines = (await readFile(file, 'utf8')).split(/(?<=\n)/).filter((line) => line.endsWith('\n'));
  const safe = lines.filter((line) => compareIds((JSON.parse(line) as { id: string }).id, written) <= 0);
  const safeBytes = Buffer.byteLength(safe.join(''));
  const { size } = await stat(file);
  await truncate(file, safeBytes + Math.floor((size - safeBytes) * share));
}

describe('archiving', () => {
  test('killed at any point and run again loses nothing and writes nothing twice', async () => {
    const deaths = fc.array(
      fc.record({
        command: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant('mark' as const)),
        when: fc.constantFrom('before', 'after'),
        left: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(entriesArbitrary(), deaths, async (entries, kills) => {
        const stores = newStores();
        const { redis, keys } = stores;
        const directory = await newFolder();
        const share = Math.ceil(entries.length / kills.length);
        for (const [index, { command, when, left }] of kills.entries()) {
          await writeEntries(stores, entries.slice(index * share, (index + 1) * share));
          const mortal = command === 'mark' ? killedBeforeMark(redis) : killedAt(redis, command, when);
          await archiveUsage({ redis: mortal, keys, directory, olderThanMs: 0 }).catch(() => {});
          await tear(stores, directory, left);
          // Its lock runs out in time.
          await redis.del(keys.usageLock);
        }
        await archiveUsage({ redis, keys, directory, olderThanMs: 0 });
        expect(await archivedEntries(directory)).toEqual(entries);
        expect(await redis.xlen(keys.usage)).toBe(0);
        expect(Number(await redis.hget(keys.usageArchive, 'trimmed_records'))).toBe(entries.length);
      }),
      { numRuns: 25 },
    );
  });

  test('writes one file a day, with the records of that day by the clock of Redis', async () => {
    const stores = newStores();
    const directory = await newFolder();
    await writeEntries(stores, ENTRIES);
    await archiveUsage({ ...stores, directory, olderThanMs: 0 });
    for (const file of await dayFiles(directory)) {
      const days = (await linesOf(file)).map(({ id }) => new Date(Number(String(id).split('-')[0])).toISOString());
      expect(new Set(days.map((day) => join(directory, `usage-${day.slice(0, 10)}.jsonl`)))).toEqual(new Set([file]));
    }
    expect((await dayFiles(directory)).length).toBeGreaterThan(2);
  });

  test('leaves alone what is younger than asked for', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const directory = await newFolder();
    const nowMs = Number((await redis.time())[0]) * 1_000;
    const ids = [`${nowMs - 7_200_000}-0`, `${nowMs - 3_000_000}-0`];
    await writeEntries(
      stores,
      ids.map((id) => ({ id, record: ENTRIES[0]?.record ?? never() })),
    );
    const report = await archiveUsage({ redis, keys, directory, olderThanMs: 3_600_000 });
    expect(report).toEqual({ archived: 1, trimmed: 1, holders: [] });
    expect((await redis.xrange(keys.usage, '-', '+')).map(([id]) => id)).toEqual([ids[1]]);
  });

  test('keeps what it does not understand as it is', async () => {
    const { redis, keys } = newStores();
    const directory = await newFolder();
    await redis.xadd(keys.usage, '5-1', 'record', 'not JSON');
    await redis.xadd(keys.usage, '5-2', 'record', '{"v":2,"new":true}');
    await redis.xadd(keys.usage, '5-3', 'other', 'field');
    await archiveUsage({ redis, keys, directory, olderThanMs: 0 });
    expect(await linesOf(join(directory, 'usage-1970-01-01.jsonl'))).toEqual([
      { id: '5-1', fields: ['record', 'not JSON'] },
      { id: '5-2', v: 2, new: true },
      { id: '5-3', fields: ['other', 'field'] },
    ]);
    expect(await redis.xlen(keys.usage)).toBe(0);
  });

  test.skipIf(process.platform !== 'linux')('on a full disk says which file could not be written', async () => {
    const stores = newStores();
    const directory = await newFolder();
    await archiveUsage({ ...stores, directory, olderThanMs: 0 });
    const file = join(
      directory,
      `usage-${new Date(Number(ENTRIES[0]?.id.split('-')[0])).toISOString().slice(0, 10)}.jsonl`,
    );
    await symlink('/dev/full', file);
    await writeEntries(stores, ENTRIES);
    const archiving = archiveUsage({ ...stores, directory, olderThanMs: 0 });
    await expect(archiving).rejects.toMatchObject({ code: 'ENOSPC', path: file });
    expect(await stores.redis.xlen(stores.keys.usage)).toBe(ENTRIES.length);
  });
});

describe('the folder of an archive', () => {
  test('is refused to another installation, which would lose records in it', async () => {
    const [one, other] = [newStores(), newStores()];
    const directory = await newFolder();
    await writeEntries(one, ENTRIES);
    await writeEntries(other, ENTRIES);
    await archiveUsage({ ...one, directory, olderThanMs: 0 });
    await expect(archiveUsage({ ...other, directory, olderThanMs: 0 })).rejects.toThrow(
      `${directory} holds the usage archive of another installation: name another folder`,
    );
    expect(await other.redis.xlen(other.keys.usage)).toBe(ENTRIES.length);
    await archiveUsage({ ...other, directory: await newFolder(), olderThanMs: 0 });
    await expect(archiveUsage({ ...other, directory, olderThanMs: 0 })).rejects.toThrow(
      'does not hold the usage archive of this installation; that was last in ',
    );
  });

  test('may move as a whole, and is not begun again elsewhere by mistake', async () => {
    const stores = newStores();
    const directory = await newFolder();
    const half = Math.ceil(ENTRIES.length / 2);
    await writeEntries(stores, ENTRIES.slice(0, half));
    await archiveUsage({ ...stores, directory, olderThanMs: 0 });
    await writeEntries(stores, ENTRIES.slice(half));
    const elsewhere = join(await newFolder(), 'deep', 'archive');
    await expect(archiveUsage({ ...stores, directory: elsewhere, olderThanMs: 0 })).rejects.toThrow(
      `does not hold the usage archive of this installation; that was last in ${directory}`,
    );
    const moved = `${directory}-moved`;
    await rename(directory, moved);
    try {
      await archiveUsage({ ...stores, directory: moved, olderThanMs: 0 });
      expect(await archivedEntries(moved)).toEqual(ENTRIES);
    } finally {
      await rm(moved, { recursive: true });
    }
  });

  test('with a broken line at its end is not written to', async () => {
    const stores = newStores();
    const directory = await newFolder();
    await writeEntries(stores, ENTRIES.slice(0, 3));
    await archiveUsage({ ...stores, directory, olderThanMs: 0 });
    const file = (await dayFiles(directory)).at(-1) ?? '';
    await appendFile(file, 'something else\n');
    await writeEntries(stores, ENTRIES.slice(3));
    await expect(archiveUsage({ ...stores, directory, olderThanMs: 0 })).rejects.toThrow(
      `the last line of ${file}: not a line of a usage archive; mend it or take it out`,
    );
    expect(await stores.redis.xlen(stores.keys.usage)).toBe(ENTRIES.length - 3);
  });

  test('is written to by one process at a time', async () => {
    const stores = newStores();
    const directory = await newFolder();
    await writeEntries(stores, ENTRIES);
    const runs = [1, 2, 3].map(() => archiveUsage({ ...stores, directory, olderThanMs: 0 }));
    const outcomes = await Promise.allSettled(runs);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
    expect(refused).toHaveLength(2);
    for (const reason of refused) expect(reason).toContain('another "sluice usage archive" or "rebuild" is at work');
    expect(await archivedEntries(directory)).toEqual(ENTRIES);
    expect(await stores.redis.exists(stores.keys.usageLock)).toBe(0);
  });
});

function never(): never {
  throw new Error('there is one');
}
