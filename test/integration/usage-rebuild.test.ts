import { readFile, rm, writeFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { DIMENSIONS, type Dimension, usageFacts } from '../../src/cli/usage/groups.ts';
import { type SumsQuestion, sumUsage } from '../../src/cli/usage/sums.ts';
import { archiveUsage } from '../../src/store/archive/archive.ts';
import { dayFiles } from '../../src/store/archive/files.ts';
import { rebuildRollups } from '../../src/store/rollups/rebuild.ts';
import { createRollups } from '../../src/store/rollups/rollups.ts';
import { type Stores, openStores, uniquePrefix } from '../support/harness.ts';
import {
  entriesArbitrary,
  foldPlainly,
  killedAt,
  readRollups,
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
  const stores = openStores(uniquePrefix());
  open.push(stores);
  return stores;
}

const ENTRIES = someEntries(80);

/** An installation of which some records are in files alone, some in both, and some in the stream alone. */
async function archivedStores(
  entries = ENTRIES,
  [trimmed, archived, counted] = [40, 55, 70],
): Promise<Stores & { directory: string }> {
  const stores = newStores();
  const { redis, keys } = stores;
  const directory = await newFolder();
  await writeEntries(stores, entries.slice(0, archived));
  await redis.xgroup('CREATE', keys.usage, 'slow', entries[trimmed - 1]?.id ?? '0', 'MKSTREAM');
  await archiveUsage({ redis, keys, directory, olderThanMs: 0 });
  await writeEntries(stores, entries.slice(archived, counted));
  await createRollups(redis, keys).catchUp();
  await writeEntries(stores, entries.slice(counted));
  return { ...stores, directory };
}

describe('rebuilding', () => {
  test('from the archive and the stream gives the same numbers', async () => {
    const marks = fc.tuple(fc.nat(60), fc.nat(60), fc.nat(60)).map((three) => three.toSorted((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(entriesArbitrary(), marks, async (entries, [trimmed = 0, archived = 0, counted = 0]) => {
        const stores = await archivedStores(entries, [trimmed, archived, counted]);
        const { differences, fromFiles, fromStream } = await rebuildRollups(stores);
        expect(differences).toEqual([]);
        expect(fromFiles + fromStream).toBe(entries.length);
        expect(await readRollups(stores)).toEqual(foldPlainly(entries));
      }),
      { numRuns: 25 },
    );
  });

  test('tells every number that was wrong, and mends it', async () => {
    const stores = await archivedStores();
    const { redis, keys } = stores;
    const [day = ''] = await createRollups(redis, keys).days();
    await createRollups(redis, keys).catchUp();
    await redis.hincrby(`${keys.rollups}:${day}:model`, 'cost_nanos=small', 7);
    await redis.hset(`${keys.rollups}:${day}:user`, 'cached=nobody', 1, 'cost_nanos=nobody', 0);
    await redis.sadd(`${keys.rollups}:days`, '2026-01-01');
    await redis.hset(`${keys.rollups}:2026-01-01:task`, 'cost_nanos-', 3);
    const before = Number(await redis.hget(`${keys.rollups}:${day}:model`, 'cost_nanos=small'));
    const { differences } = await rebuildRollups(stores);
    expect(differences).toEqual([
      { day: '2026-01-01', dimension: 'task', value: '-', measure: 'cost_nanos', before: 3, after: 0 },
      { day, dimension: 'model', value: '=small', measure: 'cost_nanos', before, after: before - 7 },
      { day, dimension: 'user', value: '=nobody', measure: 'cached', before: 1, after: 0 },
    ]);
    expect(await readRollups(stores)).toEqual(foldPlainly(ENTRIES));
    expect((await rebuildRollups(stores)).differences).toEqual([]);
  });

  test('killed at any point leaves the old numbers or the new ones', async () => {
    const stores = await archivedStores();
    const { redis, keys, directory } = stores;
    await createRollups(redis, keys).catchUp();
    for (let command = 1; command <= 45; command += 2) {
      const mortal = killedAt(redis, command, command % 4 === 1 ? 'before' : 'after');
      await rebuildRollups({ redis: mortal, keys, directory }).catch(() => {});
      await redis.del(keys.usageLock);
      await createRollups(redis, keys).catchUp();
      expect(await readRollups(stores)).toEqual(foldPlainly(ENTRIES));
    }
    expect((await rebuildRollups(stores)).differences).toEqual([]);
    expect(await redis.keys(`${keys.rollupsBeside}*`)).toEqual([]);
  });

  test('while records arrive and are counted is none the worse', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const directory = await newFolder();
    await writeEntries(stores, ENTRIES.slice(0, 30));
    await archiveUsage({ redis, keys, directory, olderThanMs: 0 });
    const arriving = (async () => {
      for (const entry of ENTRIES.slice(30)) {
        await writeEntries(stores, [entry]);
        await createRollups(redis, keys).catchUp();
      }
    })();
    for (let times = 0; times < 5; times += 1) {
      expect((await rebuildRollups({ redis, keys, directory })).differences).toEqual([]);
    }
    await arriving;
    await createRollups(redis, keys).catchUp();
    expect(await readRollups(stores)).toEqual(foldPlainly(ENTRIES));
  });

  test('is refused when records are missing, and nothing is changed', async () => {
    const stores = await archivedStores();
    const [first = ''] = await dayFiles(stores.directory);
    const text = await readFile(first, 'utf8');
    await createRollups(stores.redis, stores.keys).catchUp();
    await rm(first);
    const lost = text.split('\n').length - 1;
    await expect(rebuildRollups({ ...stores, directory: stores.directory })).rejects.toThrow(
      `${lost} of the 40 records that are no longer in the stream are not in ${stores.directory}; nothing was changed`,
    );
    await expect(rebuildRollups({ ...stores, directory: undefined })).rejects.toThrow(
      `40 of the 40 records that are no longer in the stream were archived in ${stores.directory}`,
    );
    expect(await readRollups(stores)).toEqual(foldPlainly(ENTRIES));
    await writeFile(first, text);
    expect((await rebuildRollups(stores)).differences).toEqual([]);
  });

  test('brings back the sums of a Redis that was lost, from its archive', async () => {
    const lost = await archivedStores();
    const kept = ENTRIES.slice(0, 55);
    const stores = newStores();
    await expect(archiveUsage({ ...stores, directory: lost.directory, olderThanMs: 0 })).rejects.toThrow(
      `if it was this one's: sluice usage rebuild --archive ${lost.directory}`,
    );
    expect((await rebuildRollups({ ...stores, directory: lost.directory })).fromFiles).toBe(55);
    expect(await readRollups(stores)).toEqual(foldPlainly(kept));
    await writeEntries(stores, ENTRIES.slice(55));
    await archiveUsage({ ...stores, directory: lost.directory, olderThanMs: 0 });
    expect((await rebuildRollups({ ...stores, directory: lost.directory })).differences).toEqual([]);
    expect(await readRollups(stores)).toEqual(foldPlainly(ENTRIES));
  });
});

const NAMES = Object.keys(DIMENSIONS) as Dimension[];
const ask = async (stores: Stores, question: Partial<SumsQuestion>) => {
  const by = question.by ?? ['model'];
  const answer = await sumUsage(stores.redis, stores.keys, { sinceMs: undefined, batch: undefined, ...question, by });
  const groups = answer.groups.sorted().map(({ names, sums }) => [JSON.stringify(names), usageFacts(sums)]);
  return { groups: Object.fromEntries(groups), total: usageFacts(answer.groups.total), missing: answer.missing };
};

const whole = async (): Promise<Stores> => {
  const stores = newStores();
  await writeEntries(stores, ENTRIES);
  return stores;
};

const timeOf = (index: number): number => Number(ENTRIES[index]?.id.split('-')[0]);

describe('sums over a stream that was trimmed', () => {
  test.each(
    NAMES.filter((name) => name !== 'batch').flatMap((name): Dimension[][] =>
      name === 'day' ? [[name]] : [[name], ['day', name], [name, 'day']],
    ),
  )('are those of the whole one, by %s %s', async (...by) => {
    const given = by.filter((name) => name !== undefined);
    expect(await ask(await archivedStores(), { by: given })).toEqual(await ask(await whole(), { by: given }));
  });

  test('begin on any day', async () => {
    const [trimmed, complete] = [await archivedStores(), await whole()];
    for (let sinceMs = Date.UTC(2026, 1, 18); sinceMs < Date.UTC(2026, 2, 8); sinceMs += 86_400_000) {
      expect(await ask(trimmed, { sinceMs })).toEqual(await ask(complete, { sinceMs }));
    }
  });

  test('say what they leave out, and leave out nothing else', async () => {
    const [trimmed, complete] = [await archivedStores(), await whole()];
    const inTheMiddle = timeOf(5) + 1_000;
    const answer = await ask(trimmed, { sinceMs: inTheMiddle });
    const nextDayMs = Math.ceil(inTheMiddle / 86_400_000) * 86_400_000;
    expect(answer.missing).toEqual({ sinceMs: inTheMiddle, untilMs: nextDayMs - 1 });
    expect(answer.total).toEqual((await ask(complete, { sinceMs: nextDayMs })).total);

    const byTwo = await ask(trimmed, { by: ['model', 'task'] });
    expect(byTwo.missing).toEqual({ sinceMs: undefined, untilMs: timeOf(39) });
    expect(byTwo.total['calls']).toBeGreaterThan(0);
    expect((await ask(trimmed, { batch: 'b-1' })).missing).toEqual({ sinceMs: undefined, untilMs: timeOf(39) });
    const inTheStream = await ask(trimmed, { by: ['model', 'task'], sinceMs: timeOf(39) + 1 });
    expect(inTheStream.missing).toBeUndefined();
  });

  test('count each record once while it is archived and trimmed', async () => {
    const stores = await archivedStores(ENTRIES, [10, 20, 80]);
    const { redis, keys, directory } = stores;
    const expected = await ask(await whole(), {});
    const state = { isDone: false };
    const trimming = (async () => {
      for (const { id } of ENTRIES.slice(10)) {
        await redis.xgroup('SETID', keys.usage, 'slow', id);
        await archiveUsage({ redis, keys, directory, olderThanMs: 0 });
      }
      state.isDone = true;
    })();
    let answers = 0;
    while (!state.isDone) {
      const answer = await ask(stores, {}).catch((error: Error) => error.message);
      if (typeof answer === 'string') expect(answer).toContain('being trimmed right now');
      else expect(answer).toEqual(expected);
      answers += typeof answer === 'string' ? 0 : 1;
    }
    await trimming;
    expect(answers).toBeGreaterThan(0);
    expect(await redis.xlen(keys.usage)).toBe(0);
    expect(await ask(stores, {})).toEqual(expected);
  });
});
