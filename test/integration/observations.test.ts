import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GateReport } from '../../src/domain/gate.ts';
import { type GatedModel, type ObservationReader, createObservationReader } from '../../src/store/observations.ts';
import { type GateLaboratory, KEY, PAIR, keyNamed, openGates } from '../support/gate-steps.ts';
import { admitRequest, answeredAttempt } from '../support/ledger-steps.ts';

const SMALL: GatedModel = { alias: 'small', provider: 'alpha', id: 'sim/small', keys: ['default'] };
const LARGE: GatedModel = { alias: 'large', provider: 'alpha', id: 'sim/large', keys: ['default'] };
const TWO_KEYS: GatedModel = { ...SMALL, keys: ['default', 'spare'] };

let stores: GateLaboratory;
let calls = 0;
beforeEach(() => {
  stores = openGates({ failures: 1 });
});
afterEach(() => stores.close());

/** One settled call of the model `small`; without a latency it failed. */
async function observe(latencyMs: number | undefined): Promise<void> {
  calls += 1;
  const job = `observed-${calls}`;
  await stores.ledger.admit(admitRequest({ job, hold: 1 }));
  const settle = answeredAttempt({ job, cost: 1 });
  if (!settle.call) throw new Error('no call');
  await stores.ledger.settle({ ...settle, call: { ...settle.call, observed: { latencyMs } } });
}

function readerOf(...models: GatedModel[]): ObservationReader {
  return createObservationReader(stores.redis, stores.keys, models);
}

async function call(verdict: GateReport['verdict'], more: Partial<GateReport> = {}, key = 'default'): Promise<void> {
  await stores.leave(await stores.enter({ keys: [keyNamed(key)] }), verdict, more);
}

test('nothing is known before the first call', async () => {
  const reader = readerOf(SMALL);
  await reader.refresh();
  expect(reader.current()).toEqual({
    latencies: new Map(),
    closedUntil: new Map(),
    throttledUntil: new Map(),
    closedFor: new Map(),
  });
});

test('percentiles come from the last hundred calls', async () => {
  const reader = readerOf(SMALL);
  for (let call = 0; call < 50; call += 1) await observe(9_999);
  for (let latencyMs = 1; latencyMs <= 100; latencyMs += 1) await observe(latencyMs);
  await reader.refresh();
  expect(reader.current().latencies.get('small')).toEqual({ p50: 51, p95: 96, count: 100 });
});

test('a failed call counts as slower than any that answered', async () => {
  const reader = readerOf(SMALL);
  await observe(10);
  await observe(undefined);
  await observe(undefined);
  await reader.refresh();
  expect(reader.current().latencies.get('small')).toEqual({ p50: 20, p95: 20, count: 3 });
});

test('a model that never answered is not taken for a quick one', async () => {
  const reader = readerOf(SMALL);
  for (let call = 0; call < 12; call += 1) await observe(undefined);
  await reader.refresh();
  expect(reader.current().latencies.get('small')).toBeUndefined();
});

test('what another process observes is seen at the next refresh', async () => {
  const reader = readerOf(SMALL);
  await observe(10);
  await reader.refresh();
  await observe(30);
  expect(reader.current().latencies.get('small')?.count).toBe(1);
  await reader.refresh();
  expect(reader.current().latencies.get('small')?.count).toBe(2);
});

test('a model whose circuit is open is closed, with the reason, until one may try', async () => {
  const reader = readerOf(SMALL, LARGE);
  await call('failed', { code: 'PROVIDER_TIMEOUT' });
  await reader.refresh();
  const { closedUntil, closedFor, throttledUntil } = reader.current();
  expect([...closedUntil.keys()]).toEqual(['small']);
  expect(closedUntil.get('small')).toBeGreaterThan(Date.now() + 9_000);
  expect(closedFor.get('small')).toMatchObject({ reason: 'circuit', code: 'PROVIDER_TIMEOUT' });
  expect(closedFor.get('small')?.sinceMs).toBeGreaterThan(Date.now() - 5_000);
  expect(throttledUntil.size).toBe(0);
});

test('an outage is told since its beginning, through all that tried in vain', async () => {
  const reader = readerOf(SMALL);
  await call('failed');
  await stores.passTime(10_001);
  await call('failed');
  await reader.refresh();
  expect(reader.current().closedFor.get('small')?.sinceMs).toBeLessThan(Date.now() - 9_000);
  expect(reader.current().closedUntil.get('small')).toBeGreaterThan(Date.now() + 18_000);
});

test('while one call tries, the others are kept away', async () => {
  const reader = readerOf(SMALL);
  await call('failed');
  await stores.passTime(10_001);
  await reader.refresh();
  expect(reader.current().closedUntil.size).toBe(0);
  const job = await stores.enter();
  await reader.refresh();
  expect(reader.current().closedUntil.get('small')).toBeGreaterThan(Date.now());
  await stores.leave(job, 'answered');
  await reader.refresh();
  expect(reader.current().closedUntil.size).toBe(0);
});

test('a try that says nothing leaves it to others at once', async () => {
  const reader = readerOf(SMALL);
  await call('failed');
  await stores.passTime(10_001);
  await call('neutral');
  await reader.refresh();
  expect(reader.current().closedUntil.size).toBe(0);
});

test('every model behind a key that is refused is closed, if it has no other', async () => {
  const reader = readerOf(TWO_KEYS, LARGE);
  await call('refused', { code: 'PROVIDER_AUTH' });
  await reader.refresh();
  expect([...reader.current().closedUntil.keys()]).toEqual(['large']);
  expect(reader.current().closedFor.get('large')).toMatchObject({ reason: 'key', code: 'PROVIDER_AUTH' });
  await call('refused', { code: 'PROVIDER_QUOTA', waitMs: 30_000 }, 'spare');
  await reader.refresh();
  // The key that may be tried first counts.
  expect(reader.current().closedFor.get('small')).toMatchObject({ reason: 'key', code: 'PROVIDER_QUOTA' });
  expect(reader.current().closedUntil.get('small')).toBeLessThanOrEqual(Date.now() + 31_000);
});

test('a model is throttled when it is with every key that is not refused', async () => {
  const reader = readerOf(TWO_KEYS);
  await call('throttled', { waitMs: 5_000 });
  await reader.refresh();
  expect(reader.current().throttledUntil.size).toBe(0);
  await call('refused', {}, 'spare');
  await reader.refresh();
  expect([...reader.current().throttledUntil.keys()]).toEqual(['small']);
  expect(reader.current().closedFor.get('small')).toMatchObject({ reason: 'throttled' });
  expect(reader.current().closedUntil.size).toBe(0);
  await stores.passTime(5_001);
  await reader.refresh();
  expect(reader.current().throttledUntil.size).toBe(0);
});

test('what is known is the same object for as long as nothing has changed', async () => {
  const reader = readerOf(SMALL, LARGE);
  await observe(10);
  await call('throttled', { waitMs: 60_000 });
  await reader.refresh();
  const known = reader.current();
  await reader.refresh();
  expect(reader.current()).toBe(known);
  await stores.enter({ model: 'sim/large' });
  await stores.leave(await stores.enter({ model: 'sim/large' }), 'failed');
  await reader.refresh();
  expect(reader.current()).not.toBe(known);
  expect(reader.current().latencies).toBe(known.latencies);
  expect(reader.current().throttledUntil).toBe(known.throttledUntil);
  expect(known.closedUntil.size).toBe(0);
});

test('gates of models that nobody asks any more are not announced for ever', async () => {
  const reader = readerOf(SMALL);
  await call('throttled', { waitMs: 5_000 });
  await stores.passTime(86_410_000);
  await reader.refresh();
  expect(await stores.redis.exists(stores.keys.closedGates)).toBe(0);
});

test('gates can be looked at one by one', async () => {
  const claim = { keys: [keyNamed('default', { tokens_per_minute: 9_000 })], modelLimits: { concurrency: 7 } };
  await stores.enter(claim);
  await stores.leave(await stores.enter(claim), 'throttled', { waitMs: 5_000 });
  expect(await stores.gate(KEY)).toMatchObject({
    name: KEY,
    provider: 'alpha',
    key: 'default',
    state: 'passing',
    inflight: 1,
    tokensPerMinute: 9_000,
  });
  expect(await stores.gate(PAIR)).toMatchObject({
    model: 'sim/small',
    state: 'stopped',
    reason: 'throttled',
    inflight: 1,
    concurrencyLimit: 7,
  });
});
