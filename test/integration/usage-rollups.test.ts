import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { createRollups } from '../../src/store/rollups/rollups.ts';
import { understand } from '../../src/store/usage-stream.ts';
import { rollupChore } from '../../src/workers/rollup-chore.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { usageRecord } from '../support/ledger-steps.ts';
import {
  entriesArbitrary,
  foldPlainly,
  killedAt,
  readRollups,
  someEntries,
  writeEntries,
} from '../support/usage-steps.ts';

const open: Stores[] = [];
afterEach(async () => {
  for (const stores of open.splice(0)) await stores.close();
});

function newStores(): Stores {
  const stores = openStores();
  open.push(stores);
  return stores;
}

const DAY_ONE_MS = Date.UTC(2026, 10, 22, 9);

describe('the sums by day', () => {
  test('are those of a plain fold, whenever their consumers are killed and however many there are', async () => {
    const kills = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom('before', 'after')), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(entriesArbitrary(), kills, fc.integer({ min: 1, max: 20 }), async (entries, deaths, chunk) => {
        const stores = newStores();
        const { redis, keys } = stores;
        for (let start = 0; start < entries.length; start += chunk) {
          await writeEntries(stores, entries.slice(start, start + chunk));
          const consumers = deaths.map(([count, when]) => createRollups(killedAt(redis, count, when), keys).catchUp());
          await Promise.allSettled([...consumers, createRollups(redis, keys).catchUp()]);
        }
        await createRollups(redis, keys).catchUp();
        expect(await readRollups(stores)).toEqual(foldPlainly(entries));
      }),
      { numRuns: 25 },
    );
  });

  test('do not change by a page that is sent again, or that was read after another position', async () => {
    const entries = someEntries(40);
    const stores = newStores();
    await writeEntries(stores, entries);
    const rollups = createRollups(stores.redis, stores.keys);
    const page = await stores.redis.xrange(stores.keys.usage, '-', '+');
    const half = page.slice(0, Math.ceil(page.length / 2));
    const halfId = half.at(-1)?.[0] ?? '';
    const lastId = page.at(-1)?.[0] ?? '';
    expect(await rollups.count('0-0', halfId, half.flatMap(understand))).toBe(true);
    expect(await rollups.count('0-0', halfId, half.flatMap(understand))).toBe(false);
    expect(await rollups.count('0-0', lastId, page.flatMap(understand))).toBe(false);
    expect(await rollups.position()).toBe(halfId);
    expect(await rollups.catchUp()).toBe(page.length - half.length);
    expect(await rollups.catchUp()).toBe(0);
    expect(await readRollups(stores)).toEqual(foldPlainly(entries));
  });

  test('are exact for amounts that a float would round', async () => {
    const stores = newStores();
    const record = usageRecord({ job: 'a' }, 'completed', 4_503_599_627_370_497);
    for (const number of [1, 2, 3]) {
      await writeEntries(stores, [{ id: `${DAY_ONE_MS}-${number}`, record }]);
      await createRollups(stores.redis, stores.keys).catchUp();
    }
    const key = `${stores.keys.rollups}:2026-11-22:model`;
    expect(await stores.redis.hget(key, 'cost_nanos=small')).toBe('13510798882111491');
  });

  test('pass over what is no record, and count what comes behind it', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    await redis.xadd(keys.usage, `${DAY_ONE_MS}-1`, 'record', 'not JSON');
    const entry = { id: `${DAY_ONE_MS}-2`, record: usageRecord({ job: 'a' }, 'completed', 5) };
    await writeEntries(stores, [entry]);
    await redis.xadd(keys.usage, `${DAY_ONE_MS}-3`, 'other', 'field');
    expect(await createRollups(redis, keys).catchUp()).toBe(3);
    expect(await createRollups(redis, keys).position()).toBe(`${DAY_ONE_MS}-3`);
    expect(await readRollups(stores)).toEqual(foldPlainly([entry]));
  });
});

describe('more users than a day has room for', () => {
  const users = ['ann', 'bob', 'cid', 'dan', 'ann', 'dan', 'eve', 'bob'];
  const entries = users.map((user, index) => ({
    id: `${DAY_ONE_MS}-${index + 1}`,
    record: { ...usageRecord({ job: `j-${index}` }, 'completed', 10 ** index), user },
  }));

  test.each([1, 3, 8])('are counted under one name from the third on, %i records at a time', async (chunk) => {
    const stores = newStores();
    const rollups = createRollups(stores.redis, stores.keys, { mostValues: 2 });
    for (let start = 0; start < entries.length; start += chunk) {
      await writeEntries(stores, entries.slice(start, start + chunk));
      await rollups.catchUp();
    }
    const { sums } = await rollups.readDay('2026-11-22', ['user']);
    const costs = [...(sums.get('user') ?? [])].map(([value, of]) => [value, of.cost_nanos]);
    expect(Object.fromEntries(costs)).toEqual({ '=ann': 10_001, '=bob': 10_000_010, '~': 1_101_100 });
    const { sums: others } = await rollups.readDay('2026-11-22', ['model']);
    expect(others.get('model')?.get('=small')).toMatchObject({ cost_nanos: 11_111_111, completed: 8 });
  });

  test('have room on the next day', async () => {
    const stores = newStores();
    const rollups = createRollups(stores.redis, stores.keys, { mostValues: 2 });
    await writeEntries(stores, entries);
    await writeEntries(stores, [{ id: `${DAY_ONE_MS + 86_400_000}-1`, record: entries[3]?.record ?? never() }]);
    await rollups.catchUp();
    const { sums } = await rollups.readDay('2026-11-23', ['user']);
    expect([...(sums.get('user')?.keys() ?? [])]).toEqual(['=dan']);
  });
});

describe('the chore', () => {
  test('counts what is there, and nothing once its turn is over', async () => {
    const entries = someEntries(30);
    const stores = newStores();
    const chore = rollupChore(stores.redis, stores.keys);
    await writeEntries(stores, entries);
    await expect(chore.run(AbortSignal.abort(new Error('the pool is stopping')))).rejects.toThrow('stopping');
    expect(await readRollups(stores)).toEqual({});
    await chore.run(new AbortController().signal);
    expect(await readRollups(stores)).toEqual(foldPlainly(entries));
  });
});

function never(): never {
  throw new Error('there is one');
}
