import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GateLaboratory, KEY, PAIR, keyNamed, openGates } from '../support/gate-steps.ts';

let gates: GateLaboratory;
beforeEach(() => {
  // The circuit is not what is looked at here.
  gates = openGates({ failures: 1_000 });
});
afterEach(() => gates.close());

type Claim = Parameters<GateLaboratory['come']>[0];

async function enterMany(count: number, claim?: Claim): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => gates.enter(claim)));
}

async function inflight(): Promise<number[]> {
  return [(await gates.gate(KEY))?.inflight ?? 0, (await gates.gate(PAIR))?.inflight ?? 0];
}

describe('calls under way', () => {
  test('are counted until they end, or are written off', async () => {
    const [first = '', second = ''] = await enterMany(3);
    expect(await inflight()).toEqual([3, 3]);
    await gates.leave(first, 'answered');
    await gates.writeOff(second);
    expect(await inflight()).toEqual([1, 1]);
  });

  test('are counted down once, however often their end is told', async () => {
    const [first = ''] = await enterMany(2);
    await gates.writeOff(first);
    await gates.leave(first, 'throttled', { waitMs: 9_000 });
    await gates.leave(first, 'throttled', { waitMs: 9_000 });
    await gates.writeOff(first);
    expect(await inflight()).toEqual([1, 1]);
    expect(await gates.announced()).toEqual({});
  });

  test('are as many as are allowed, over all models of a key and over all workers', async () => {
    const keys = [keyNamed('default', { concurrency: 3 })];
    const claim = { keys, modelLimits: { concurrency: 2 } };
    const [first = ''] = await enterMany(2, claim);
    expect((await gates.wait(claim)).reason).toBe('concurrency');
    await gates.enter({ keys, model: 'other' });
    expect((await gates.wait({ keys, model: 'other' })).reason).toBe('concurrency');
    await gates.leave(first, 'neutral');
    await gates.enter(claim);
    expect(await gates.gate(KEY)).toMatchObject({ inflight: 3, concurrencyLimit: 3 });
    expect(await gates.gate(PAIR)).toMatchObject({ inflight: 2, concurrencyLimit: 2 });
  });

  test('of a thousand that come at once exactly the allowed ones are let in', async () => {
    const admissions = await Promise.all(
      Array.from({ length: 1_000 }, () => gates.come({ modelLimits: { concurrency: 50 } })),
    );
    expect(admissions.filter(({ admission }) => admission.kind === 'admitted')).toHaveLength(50);
  });

  test('whoever is turned away is told when a call should have ended for him, by how long calls take', async () => {
    const claim = { modelLimits: { concurrency: 10 } };
    const jobs = await enterMany(10, claim);
    await gates.passTime(6_000);
    await Promise.all(jobs.map((job) => gates.leave(job, 'answered')));
    await enterMany(10, claim);
    const delays = [];
    for (let count = 0; count < 20; count += 1) delays.push((await gates.wait(claim)).delayMs);
    // Ten calls of six seconds: 600 ms each, less a third, so that no place stays empty for long.
    expect(delays[0]).toBeGreaterThan(350);
    expect(delays[0]).toBeLessThan(450);
    expect(delays[19]).toBeGreaterThan(7_000);
    expect(delays[19]).toBeLessThan(9_000);
  });

  test('nobody is sent away for less than 50 ms or for more than half a minute', async () => {
    const claim = { modelLimits: { concurrency: 1 } };
    const job = await gates.enter(claim);
    await gates.passTime(60_000);
    await gates.leave(job, 'answered');
    await gates.enter(claim);
    const delays = [];
    for (let count = 0; count < 20; count += 1) delays.push((await gates.wait(claim)).delayMs);
    expect(Math.max(...delays)).toBeLessThanOrEqual(30_000);
    const other = { model: 'quick', modelLimits: { concurrency: 1 } };
    await gates.leave(await gates.enter(other), 'answered');
    await gates.enter(other);
    expect((await gates.wait(other)).delayMs).toBe(50);
  });
});

test('as long as nobody knows how long calls take, nobody is sent away for long', async () => {
  const claim = { modelLimits: { concurrency: 1 } };
  await gates.enter(claim);
  const delays = [];
  for (let count = 0; count < 200; count += 1) delays.push((await gates.wait(claim)).delayMs);
  expect(Math.max(...delays)).toBeLessThanOrEqual(5_000);
});

/** A 503 of one of so many calls. */
async function overload(count: number): Promise<string[]> {
  const [first = '', ...others] = await enterMany(count);
  await gates.leave(first, 'overloaded');
  return others;
}

async function limit(): Promise<number | undefined> {
  return (await gates.state(PAIR))['adaptive'];
}

describe('the limit that adapts itself', () => {
  test('is seven tenths of what was under way when the provider said that it was too much', async () => {
    expect(await limit()).toBeUndefined();
    await overload(20);
    expect(await limit()).toBe(14);
    expect((await gates.wait()).reason).toBe('concurrency');
  });

  test('is lowered once by a burst', async () => {
    const others = await overload(20);
    for (const job of others.slice(0, 10)) await gates.leave(job, 'overloaded');
    await gates.passTime(1_100);
    for (const job of others.slice(10, 15)) await gates.leave(job, 'overloaded');
    expect(await limit()).toBe(14);
    const next = await gates.enter();
    await gates.leave(next, 'overloaded');
    // Five were under way, and this one.
    expect(await limit()).toBe(Math.floor(5 * 0.7));
  });

  test('is never below one call', async () => {
    await overload(1);
    expect(await limit()).toBe(1);
    await gates.leave(await gates.enter(), 'neutral');
  });

  test('grows by one for every round of answers', async () => {
    for (const job of await overload(10)) await gates.leave(job, 'neutral');
    expect(await limit()).toBe(7);
    for (const job of await enterMany(7)) await gates.leave(job, 'answered');
    expect(await limit()).toBeCloseTo(8);
  });

  test('is dropped when it has been far above what is under way for a while', async () => {
    for (const job of await overload(10)) await gates.leave(job, 'neutral');
    await gates.leave(await gates.enter(), 'answered');
    await gates.passTime(61_000);
    await gates.leave(await gates.enter(), 'answered');
    expect(await limit()).toBeUndefined();
    await gates.enter();
    expect((await gates.gate(PAIR))?.concurrencyLimit).toBeUndefined();
  });

  test('stays as long as it is needed', async () => {
    const others = await overload(10);
    await gates.leave(others[0] ?? '', 'answered');
    await gates.passTime(61_000);
    await gates.leave(others[1] ?? '', 'answered');
    expect(await limit()).toBeGreaterThan(7);
  });

  test('is that of a model: others of the same key go on', async () => {
    await overload(2);
    await enterMany(20, { model: 'other' });
  });

  test('does not raise the configured one', async () => {
    const claim = { modelLimits: { concurrency: 3 } };
    const [first = ''] = await enterMany(3, claim);
    await gates.leave(first, 'overloaded');
    expect(await limit()).toBe(2);
    expect((await gates.wait(claim)).reason).toBe('concurrency');
  });
});
