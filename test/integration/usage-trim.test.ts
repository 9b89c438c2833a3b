import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { archiveUsage } from '../../src/store/archive/archive.ts';
import { dayFiles } from '../../src/store/archive/files.ts';
import { holdersOf, trimFloor, trimUsage } from '../../src/store/archive/trim.ts';
import { createRollups } from '../../src/store/rollups/rollups.ts';
import { compareIds } from '../../src/store/stream-id.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { entriesArbitrary, someEntries, useFolders, writeEntries } from '../support/usage-steps.ts';

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

/** A reader outside: it begins somewhere, reads some, acknowledges some of it. */
type Group = { name: string; beginsAt: number; reads: number; acknowledges: number[] };

const groupsArbitrary = fc
  .array(
    fc.record({
      beginsAt: fc.nat(100),
      reads: fc.nat(40),
      acknowledges: fc.array(fc.nat(40), { maxLength: 20 }),
    }),
    { maxLength: 3 },
  )
  .map((groups) => groups.map((group, index): Group => ({ name: `reader ${index}`, ...group })));

/** Returns the ids that the group has not read or not acknowledged. */
async function readAs({ redis, keys }: Stores, group: Group, ids: readonly string[]): Promise<string[]> {
  const index = group.beginsAt % (ids.length + 1);
  await redis.xgroup('CREATE', keys.usage, group.name, ids[index - 1] ?? '0', 'MKSTREAM');
  const readable = ids.slice(index);
  if (group.reads > 0) {
    await redis.xreadgroup('GROUP', group.name, 'one', 'COUNT', group.reads, 'STREAMS', keys.usage, '>');
  }
  const read = readable.slice(0, group.reads);
  const acknowledged = new Set(group.acknowledges.flatMap((at) => read[at % read.length] ?? []));
  if (acknowledged.size > 0) await redis.xack(keys.usage, group.name, ...acknowledged);
  return readable.filter((id) => !acknowledged.has(id));
}

async function idsInStream({ redis, keys }: Stores): Promise<string[]> {
  return (await redis.xrange(keys.usage, '-', '+')).map(([id]) => id);
}

async function idsInFiles(directory: string): Promise<string[]> {
  const texts = await Promise.all((await dayFiles(directory)).map((file) => readFile(file, 'utf8')));
  const lines = texts.flatMap((text) => text.split('\n').slice(0, -1));
  return lines.map((line) => (JSON.parse(line) as { id: string }).id);
}

/** What is wrong with a stream that was trimmed: records that somebody still needed, or that are nowhere. */
async function lossesIn(
  stores: Stores,
  { ids, needed, directory }: { ids: readonly string[]; needed: readonly string[]; directory: string },
): Promise<string[]> {
  const inStream = new Set(await idsInStream(stores));
  const inFiles = new Set(await idsInFiles(directory));
  const counted = await createRollups(stores.redis, stores.keys).position();
  return [
    ...needed.filter((id) => !inStream.has(id)).map((id) => `${id}: needed by a group`),
    ...ids.filter((id) => !inStream.has(id) && !inFiles.has(id)).map((id) => `${id}: in no file`),
    ...ids.filter((id) => !inStream.has(id) && compareIds(id, counted) > 0).map((id) => `${id}: not counted`),
  ];
}

describe('trimming', () => {
  test('never passes a record that a group has not read or not acknowledged, and goes right up to it', async () => {
    await fc.assert(
      fc.asyncProperty(entriesArbitrary(), groupsArbitrary, async (entries, groups) => {
        const stores = newStores();
        const directory = await newFolder();
        await writeEntries(stores, entries);
        const ids = entries.map((entry) => entry.id);
        const needed: string[] = [];
        for (const group of groups) needed.push(...(await readAs(stores, group, ids)));
        const report = await archiveUsage({ ...stores, directory, olderThanMs: 0 });
        expect(await lossesIn(stores, { ids, needed, directory })).toEqual([]);
        expect(await idsInFiles(directory)).toEqual(ids);
        const oldest = needed.toSorted(compareIds)[0];
        const kept = oldest === undefined ? [] : ids.slice(ids.indexOf(oldest));
        expect(await idsInStream(stores)).toEqual(kept);
        expect(report.trimmed).toBe(ids.length - kept.length);
        expect(report.holders.length > 0).toBe(kept.length > 0);
      }),
      { numRuns: 25 },
    );
  });

  test('by length would be noticed', async () => {
    const entries = someEntries(20);
    const stores = newStores();
    const directory = await newFolder();
    await writeEntries(stores, entries);
    const ids = entries.map((entry) => entry.id);
    const needed = await readAs(stores, { name: 'slow', beginsAt: 0, reads: 2, acknowledges: [0] }, ids);
    await archiveUsage({ ...stores, directory, olderThanMs: 0 });
    expect(await lossesIn(stores, { ids, needed, directory })).toEqual([]);
    await stores.redis.xtrim(stores.keys.usage, 'MAXLEN', 1);
    expect((await lossesIn(stores, { ids, needed, directory })).length).toBe(needed.length - 1);
  });

  test('waits for the archive and for the sums by day, whatever the groups have read', async () => {
    const entries = someEntries(6);
    const stores = newStores();
    const { redis, keys } = stores;
    await writeEntries(stores, entries);
    const ids = entries.map((entry) => entry.id);
    expect(await trimUsage(redis, keys)).toMatchObject({ removed: 0, floor: { id: '0-1' } });
    await redis.hset(keys.usageArchive, 'written', ids[4] ?? '');
    expect((await trimUsage(redis, keys)).removed).toBe(0);
    await redis.hset(keys.rollups, 'position', ids[2] ?? '');
    expect((await trimUsage(redis, keys)).removed).toBe(3);
    expect(await idsInStream(stores)).toEqual(ids.slice(3));
    const floor = await trimFloor(redis, keys);
    expect(await holdersOf(redis, keys, floor)).toMatchObject([{ kind: 'rollups', unread: 3 }]);
  });

  test('says who holds it, and how much they have left', async () => {
    const entries = someEntries(6);
    const stores = newStores();
    await writeEntries(stores, entries);
    const ids = entries.map((entry) => entry.id);
    await readAs(stores, { name: 'bill', beginsAt: 0, reads: 3, acknowledges: [0, 2] }, ids);
    // Begun in the middle, so that Redis does not know how much is left to it.
    await readAs(stores, { name: 'late', beginsAt: 2, reads: 0, acknowledges: [] }, ids);
    await readAs(stores, { name: 'done', beginsAt: 0, reads: 6, acknowledges: [0, 1, 2, 3, 4, 5] }, ids);
    const directory = await newFolder();
    const { holders, ...counts } = await archiveUsage({ ...stores, directory, olderThanMs: 0 });
    expect(counts).toEqual({ archived: 6, trimmed: 1 });
    expect(holders).toMatchObject([
      { name: 'bill', needsFromId: ids[1], pending: 1, unread: 3 },
      { name: 'late', pending: 0, unread: 4 },
    ]);
  });
});
