import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SettleRequest } from '../../src/store/ledger.ts';
import { type Bench, createObservationReader } from '../../src/store/observations.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { admitRequest, answeredAttempt } from '../support/ledger-steps.ts';

let stores: Stores;
let calls = 0;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

/** One settled call of the model `small`; without a latency it failed. */
async function observe(latencyMs: number | undefined, more: Partial<Call> = {}): Promise<void> {
  calls += 1;
  const job = `job-${calls}`;
  await stores.ledger.admit(admitRequest({ job, hold: 1 }));
  const settle = answeredAttempt({ job, cost: 1 });
  if (!settle.call) throw new Error('no call');
  await stores.ledger.settle({ ...settle, call: { ...settle.call, observed: { latencyMs }, ...more } });
}

type Call = NonNullable<SettleRequest['call']>;

function throttled(untilMs: number, sinceMs = 0): Bench {
  return { untilMs, sinceMs, code: 'PROVIDER_RATE_LIMITED' };
}

test('nothing is known before the first call', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  await reader.refresh();
  expect(reader.current()).toEqual({ latencies: new Map(), benchedUntil: new Map(), benchedFor: new Map() });
});

test('percentiles come from the last hundred calls', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  for (let call = 0; call < 50; call += 1) await observe(9_999);
  for (let latencyMs = 1; latencyMs <= 100; latencyMs += 1) await observe(latencyMs);
  await reader.refresh();
  expect(reader.current().latencies.get('small')).toEqual({ p50: 51, p95: 96, count: 100 });
});

test('a failed call counts as slower than any that answered', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  await observe(10);
  await observe(undefined);
  await observe(undefined);
  await reader.refresh();
  expect(reader.current().latencies.get('small')).toEqual({ p50: 20, p95: 20, count: 3 });
});

test('a model that never answered is not taken for a quick one', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  for (let call = 0; call < 12; call += 1) await observe(undefined);
  await reader.refresh();
  expect(reader.current().latencies.get('small')).toBeUndefined();
});

test('what another process observes is seen at the next refresh', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  await observe(10);
  await reader.refresh();
  await observe(30);
  expect(reader.current().latencies.get('small')?.count).toBe(1);
  await reader.refresh();
  expect(reader.current().latencies.get('small')?.count).toBe(2);
});

test('a model is benched until the latest time that anybody said', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  await observe(10, { bench: { models: ['small'], ...throttled(5_000) } });
  await observe(10, { bench: { models: ['small'], ...throttled(4_000) } });
  await reader.refresh();
  expect(reader.current().benchedUntil.get('small')).toBe(5_000);
  reader.bench('small', throttled(6_000));
  reader.bench('large', throttled(1_000));
  await reader.refresh();
  expect([...reader.current().benchedUntil]).toEqual([
    ['small', 6_000],
    ['large', 1_000],
  ]);
  expect((await stores.ledger.history('job')).benches).toEqual(new Map([['small', throttled(5_000)]]));
});

test('a model is benched for the reason that was given, and none reads as throttled', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  await observe(undefined, {
    bench: { models: ['small', 'large'], untilMs: 5_000, sinceMs: 1, code: 'PROVIDER_AUTH' },
  });
  await stores.redis.hset(stores.keys.benched, 'medium', 4_000);
  await reader.refresh();
  expect(Object.fromEntries(reader.current().benchedFor)).toEqual({
    small: 'PROVIDER_AUTH',
    large: 'PROVIDER_AUTH',
    medium: 'PROVIDER_RATE_LIMITED',
  });
});

test('an answer lifts the bench of its model when the call began after it', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  await observe(undefined, { bench: { models: ['small', 'large'], ...throttled(5_000, 1_000) } });
  await observe(10, { answeredSinceMs: 999 });
  await reader.refresh();
  expect([...reader.current().benchedUntil.keys()].toSorted()).toEqual(['large', 'small']);
  await observe(10, { answeredSinceMs: 1_001 });
  await reader.refresh();
  expect([...reader.current().benchedUntil.keys()]).toEqual(['large']);
});

test('what a process learnt by itself outlives one refresh, and no longer than it stands in Redis', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  reader.bench('small', throttled(5_000));
  await reader.refresh();
  expect(reader.current().benchedUntil.get('small')).toBe(5_000);
  await reader.refresh();
  expect(reader.current().benchedUntil.get('small')).toBeUndefined();
});
