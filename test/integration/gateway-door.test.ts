import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import type { RateLimits } from '../../src/domain/provider-config.ts';
import type { Caller } from '../../src/gateway/caller.ts';
import { type Door, type Entrance, type Visit, createDoor } from '../../src/gateway/door.ts';
import { createBudgetStore } from '../../src/store/budgets.ts';
import { type DoorEntry, type DoorSubject, createDoorStore } from '../../src/store/door.ts';
import { type Stores, openStores } from '../support/harness.ts';

let stores: Stores;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

/** The door at a later time. */
const after = (clockShiftMs: number) => createDoorStore(stores.redis, stores.keys, { clockShiftMs });
const subject = (limits: RateLimits, name = 'key:k'): DoorSubject => ({ name, limits });

let requests = 0;
function entry(subjects: readonly DoorSubject[], more: Partial<DoorEntry> = {}): DoorEntry {
  return { requestId: `r${(requests += 1)}`, subjects, estimatedTokens: 100, leaseMs: 60_000, ...more };
}

describe('requests a minute', () => {
  test('are let in up to the limit, however many come at once, and at its pace afterwards', async () => {
    const subjects = [subject({ requests_per_minute: 10 })];
    const replies = await Promise.all(Array.from({ length: 25 }, () => after(0).enter(entry(subjects))));
    const refused = replies.flatMap(({ refused }) => refused ?? []);
    expect(refused).toHaveLength(15);
    for (const { limit, afterMs } of refused) {
      expect(limit).toBe('requests');
      expect(afterMs).toBeGreaterThan(4_000);
      expect(afterMs).toBeLessThanOrEqual(6_000);
    }
    expect(Math.min(...replies.map(({ levels }) => levels[0]?.requests?.remaining ?? -1))).toBe(0);
    expect((await after(6_000).enter(entry(subjects))).refused).toBeUndefined();
    expect((await after(6_000).enter(entry(subjects))).refused?.limit).toBe('requests');
    // As soon as it is full it is nothing that must be kept.
    const lifeMs = await stores.redis.pttl(stores.keys.door('key:k'));
    expect(lifeMs).toBeGreaterThan(54_000);
    expect(lifeMs).toBeLessThanOrEqual(61_000);
  });

  test('below one a minute still let one in', async () => {
    const subjects = [subject({ requests_per_minute: 0.5 })];
    expect((await after(0).enter(entry(subjects))).refused).toBeUndefined();
    expect((await after(0).enter(entry(subjects))).refused?.afterMs).toBeGreaterThan(119_000);
  });
});

describe('tokens a minute', () => {
  test('are taken as estimated and put right afterwards', async () => {
    const subjects = [subject({ tokens_per_minute: 60_000 })];
    const first = entry(subjects, { estimatedTokens: 50_000 });
    expect((await after(0).enter(first)).levels[0]?.tokens?.remaining).toBe(10_000);
    const second = entry(subjects, { estimatedTokens: 20_000 });
    expect((await after(0).enter(second)).refused).toMatchObject({ limit: 'tokens' });
    await after(0).leave(first, 1_000);
    expect((await after(0).enter(second)).levels[0]?.tokens?.remaining).toBeGreaterThanOrEqual(39_000);
    // More than was estimated leaves debt, which is paid off at the pace of the limit.
    await after(0).leave(second, 120_000);
    const denied = (await after(0).enter(entry(subjects))).refused;
    expect(denied?.afterMs).toBeGreaterThan(59_000);
    expect((await after(denied?.afterMs ?? 0).enter(entry(subjects))).refused).toBeUndefined();
  });

  test('that are more than a minute has are let in when all of it is there', async () => {
    const subjects = [subject({ tokens_per_minute: 600 })];
    const huge = { estimatedTokens: 1_000 };
    expect((await after(0).enter(entry(subjects, huge))).levels[0]?.tokens?.remaining).toBe(0);
    expect((await after(60_000).enter(entry(subjects, huge))).refused).toBeDefined();
    expect((await after(100_100).enter(entry(subjects, huge))).refused).toBeUndefined();
  });

  test('stand as estimated when nobody knows what was used', async () => {
    const subjects = [subject({ tokens_per_minute: 1_000 })];
    const only = entry(subjects, { estimatedTokens: 1_000 });
    await after(0).enter(only);
    await after(0).leave(only);
    expect((await after(0).enter(entry(subjects))).refused?.limit).toBe('tokens');
  });
});

describe('requests at a time', () => {
  const subjects = [subject({ concurrency: 3 })];

  test('are counted exactly, and make room when they leave', async () => {
    const entries = Array.from({ length: 12 }, () => entry(subjects));
    const replies = await Promise.all(entries.map((each) => after(0).enter(each)));
    const inside = entries.filter((_, index) => replies[index]?.refused === undefined);
    expect(inside).toHaveLength(3);
    await after(0).leave(inside[0] as DoorEntry, 0);
    const again = await Promise.all(Array.from({ length: 5 }, () => after(0).enter(entry(subjects))));
    expect(again.filter(({ refused }) => refused === undefined)).toHaveLength(1);
  });

  test('of a gateway that died end by themselves', async () => {
    const held = Array.from({ length: 3 }, () => entry(subjects, { leaseMs: 30_000 }));
    for (const each of held) await after(0).enter(each);
    expect((await after(29_000).enter(entry(subjects))).refused).toMatchObject({
      limit: 'concurrency',
      afterMs: 1_000,
    });
    expect((await after(30_001).enter(entry(subjects))).refused).toBeUndefined();
  });

  test('go on being counted for as long as their gateway says so, but not when they have left', async () => {
    const [stays, left] = [entry(subjects, { leaseMs: 30_000 }), entry(subjects, { leaseMs: 30_000 })];
    await Promise.all([stays, left].map((each) => after(0).enter(each)));
    await after(20_000).leave(left, 0);
    await after(20_000).renew([stays, left]);
    const inside = await after(45_000).enter(entry([subject({ concurrency: 2 })]));
    expect(inside.refused).toBeUndefined();
    expect((await after(45_000).enter(entry([subject({ concurrency: 2 })]))).refused).toBeDefined();
  });

  test('are not counted twice when an answer of Redis was lost', async () => {
    const only = [subject({ concurrency: 1 })];
    const twice = entry(only);
    await after(0).enter(twice);
    expect((await after(0).enter(twice)).refused).toBeUndefined();
    await after(0).leave(twice, 0);
    expect((await after(0).enter(entry(only))).refused).toBeUndefined();
  });
});

test('whoever is refused by one limit has used up nothing of the others', async () => {
  const key = subject({ requests_per_minute: 100, tokens_per_minute: 10_000, concurrency: 10 });
  const ann = subject({ requests_per_minute: 1 }, 'user:k/ann');
  await after(0).enter(entry([key, ann]));
  const replies = await Promise.all(Array.from({ length: 20 }, () => after(0).enter(entry([key, ann]))));
  for (const { refused } of replies) expect(refused).toMatchObject({ limit: 'requests', subject: ann });
  const { levels } = await after(0).enter(entry([key, subject({ requests_per_minute: 1 }, 'user:k/ben')]));
  expect(levels[0]).toMatchObject({ requests: { remaining: 98 }, tokens: { remaining: expect.closeTo(9_800, -2) } });
  expect(await stores.redis.zcard(`${stores.keys.door('key:k')}:leases`)).toBe(2);
});

const visit = (key: Partial<NonNullable<Caller['key']>> = {}, more: Partial<Visit> = {}): Visit => ({
  caller: { account: 'a', key: { id: 'k', name: 'n', limits: {}, ...key } },
  user: undefined,
  estimatedTokens: 100,
  requestId: `r${(requests += 1)}`,
  holdMs: 60_000,
  ...more,
});

function errorIn(entrance: Entrance): unknown {
  if (entrance.ok) return undefined;
  const { status, type, code, message, retry } = entrance.error;
  return { status, type, code, message, retry };
}

describe('the door', () => {
  const NOW = Date.parse('2026-11-22T12:00:00Z');

  function open(limits: { per_key?: RateLimits; per_user?: RateLimits } = {}): Door {
    const config = Config.parse({
      providers: { p: { base_url: 'https://example.com/v1' } },
      models: { small: { provider: 'p', id: 'x', price: { input: 1, output: 1 } } },
      gateway: { limits },
    });
    return createDoor({ ...stores, config, logger: pino({ level: 'silent' }), now: () => NOW });
  }

  test('asks Redis nothing where there are no limits', async () => {
    const sent = vi.spyOn(stores.redis, 'sendCommand');
    const entrance = await open({ per_key: { concurrency: 1 } }).enter(visit({}, { caller: { account: 'a' } }));
    expect(entrance).toMatchObject({ ok: true, headers: {} });
    expect(await open().enter(visit())).toMatchObject({ ok: true });
    if (entrance.ok) await entrance.leave(5);
    expect(sent).not.toHaveBeenCalled();
  });

  test('tells how much is left, and when to come again', async () => {
    const door = open({ per_key: { requests_per_minute: 2 } });
    const inside = await door.enter(visit({ limits: { tokens_per_minute: 1_000 } }));
    expect(inside).toMatchObject({
      ok: true,
      headers: {
        'x-ratelimit-limit-requests': '2',
        'x-ratelimit-remaining-requests': '1',
        'x-ratelimit-limit-tokens': '1000',
        'x-ratelimit-remaining-tokens': '900',
      },
    });
    await door.enter(visit());
    const refused = await door.enter(visit());
    expect(errorIn(refused)).toEqual({
      status: 429,
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
      message: expect.stringMatching(/^rate limit reached: 2 requests a minute for this API key; try again in \d/),
      retry: { afterMs: expect.any(Number) },
    });
    expect(refused.headers).toMatchObject({ 'x-ratelimit-remaining-requests': '0' });
  });

  test('counts a leave once, and bears that Redis is gone by then', async () => {
    const door = open({ per_key: { tokens_per_minute: 1_000 } });
    const entrance = await door.enter(visit({}, { estimatedTokens: 600 }));
    if (!entrance.ok) throw new Error('refused');
    await Promise.all([entrance.leave(500), entrance.leave(500)]);
    expect((await door.enter(visit())).headers['x-ratelimit-remaining-tokens']).toMatch(/^40\d$/);
    const last = await door.enter(visit());
    stores.redis.disconnect();
    if (last.ok) await last.leave(1);
    stores = openStores();
  });

  test('asks for the budget and the limits at once, and gives back what a spent one had taken', async () => {
    const key = { budgetUsd: 0.5, limits: { tokens_per_minute: 1_000, concurrency: 1 } };
    const [evalsha, hmget] = [stores.redis.evalsha.bind(stores.redis), stores.redis.hmget.bind(stores.redis)];
    const isEntering = Promise.withResolvers<void>();
    vi.spyOn(stores.redis, 'evalsha').mockImplementation((...told: unknown[]) => {
      isEntering.resolve();
      return Reflect.apply(evalsha, stores.redis, told) as Promise<unknown>;
    });
    vi.spyOn(stores.redis, 'hmget').mockImplementation(async (...told: unknown[]) => {
      await isEntering.promise;
      return Reflect.apply(hmget, stores.redis, told) as Promise<(string | null)[]>;
    });
    await stores.redis.hset(stores.keys.budget('key:k', 'total'), 'spent', 500_000_000);
    const refused = await open().enter(visit(key));
    expect(errorIn(refused)).toMatchObject({ status: 402 });
    const once = { ...key, limits: { requests_per_minute: 1 } };
    expect(errorIn(await open().enter(visit(once)))).toMatchObject({ status: 402 });
    expect((await open().enter(visit({ ...once, budgetUsd: 5 }))).ok).toBe(true);
    // Over a limit, too, it is the budget that is told.
    expect(errorIn(await open().enter(visit(once)))).toMatchObject({ status: 402 });
    const entrance = await open().enter(visit({ ...key, budgetUsd: 5 }));
    expect(entrance).toMatchObject({ ok: true, headers: { 'x-ratelimit-remaining-tokens': '900' } });
    if (entrance.ok) await entrance.leave();
  });

  test('turns a key away whose budget is spent, until it is raised or its window ends', async () => {
    const budgets = createBudgetStore(stores.redis, stores.keys, { resultTtlMs: 60_000 });
    const key = { budgetUsd: 0.5, budgetWindow: 'day' as const };
    const purse = stores.keys.budget('key:k', '2026-11-22');
    await stores.redis.hset(purse, 'spent', 499_999_999, 'held', 1_000_000_000);
    expect((await open().enter(visit(key))).ok).toBe(true);
    await stores.redis.hincrby(purse, 'spent', 1);
    expect(errorIn(await open().enter(visit(key)))).toEqual({
      status: 402,
      type: 'insufficient_quota',
      code: 'budget_exceeded',
      message: 'the budget of this API key is spent: $0.50 of $0.50 spent (2026-11-22, resets 2026-11-23T00:00Z)',
      retry: 'never',
    });
    expect((await open().enter(visit({ ...key, budgetWindow: 'month' }))).ok).toBe(true);
    await budgets.setLimit('key:k', 600_000_000);
    expect((await open().enter(visit(key))).ok).toBe(true);
  });
});
