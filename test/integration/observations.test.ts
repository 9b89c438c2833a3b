import { afterEach, beforeEach, expect, test } from 'vitest';
import { createObservationReader } from '../../src/store/observations.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { admitRequest, answeredAttempt } from '../support/ledger-steps.ts';

let stores: Stores;
let calls = 0;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

/** One settled call of the model `small`; without a latency it failed. */
async function observe(latencyMs: number | undefined, benchUntil?: number): Promise<void> {
  calls += 1;
  const job = `job-${calls}`;
  await stores.ledger.admit(admitRequest({ job, hold: 1 }));
  const settle = answeredAttempt({ job, cost: 1 });
  if (!settle.call) throw new Error('no call');
  const call = {
    ...settle.call,
    observed: { latencyMs },
    ...(benchUntil === undefined ? {} : { bench: { models: ['small'], untilMs: benchUntil } }),
  };
  await stores.ledger.settle({ ...settle, call });
}

test('nothing is known before the first call', async () => {
  const reader = createObservationReader(stores.redis, stores.keys);
  await reader.refresh();
  expect(reader.current()).toEqual({ latencies: new Map(), benchedUntil: new Map() });
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
  await observe(10, 5_000);
  await observe(10, 4_000);
  await reader.refresh();
  expect(reader.current().benchedUntil.get('small')).toBe(5_000);
  reader.bench('small', 6_000);
  reader.bench('large', 1_000);
  await reader.refresh();
  expect([...reader.current().benchedUntil]).toEqual([
    ['small', 6_000],
    ['large', 1_000],
  ]);
  expect((await stores.ledger.history('job')).benchedUntil).toEqual(new Map([['small', 5_000]]));
});
