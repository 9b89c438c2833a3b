import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CallerClaim, GateClaim } from '../../src/domain/gate.ts';
import { type GateLaboratory, PAIR, openGates } from '../support/gate-steps.ts';

let gates: GateLaboratory;
beforeEach(() => {
  gates = openGates();
});
afterEach(() => gates.close());

type Claim = Partial<GateClaim>;

const again = (claim: Claim): Claim => ({ ...claim, isReturning: true });
const isLetIn = async (claim: Claim): Promise<boolean> => (await gates.come(claim)).admission.kind === 'admitted';

/** Lets a job in at once, has `count` others told their turns, and returns the last one's wait. */
async function fillLine(claim: Claim, count: number): Promise<number> {
  await gates.enter(claim);
  let lastMs = 0;
  for (let each = 0; each < count; each += 1) lastMs = (await gates.wait(claim)).delayMs;
  return lastMs;
}

describe.each<[string, Claim['modelLimits'] & object]>([
  ['requests', { requests_per_minute: 60 }],
  ['tokens', { tokens_per_minute: 6_000 }],
])('where %s a minute are used up, a job that goes first', (_kind, modelLimits) => {
  const batch: Claim = { modelLimits, tokens: 100 };
  const first: Claim = { ...batch, goesFirst: true };

  test('has the next turn, whoever stands in line', async () => {
    expect(await fillLine(batch, 30)).toBeGreaterThan(2_000);
    expect((await gates.wait(first)).delayMs).toBeLessThan(1_200);
  });

  test('is let in at once where there is enough, though others have turns', async () => {
    await fillLine(batch, 30);
    await gates.passTime(700);
    expect(await isLetIn(batch)).toBe(false);
    expect(await isLetIn(first)).toBe(true);
  });

  test('finds at its turn what it was promised, also when others have come for theirs before', async () => {
    await fillLine(batch, 5);
    const { delayMs } = await gates.wait(first);
    await gates.passTime(delayMs - 1);
    // Its turn came at the same time; another one is found for it, behind the line.
    expect((await gates.wait(again(batch))).delayMs).toBeGreaterThan(3_000);
    await gates.passTime(1);
    expect(await isLetIn(again(first))).toBe(true);
  });

  test('stands behind those who went first before it', async () => {
    await fillLine(batch, 5);
    const delays = [];
    for (let count = 0; count < 3; count += 1) delays.push((await gates.wait(first)).delayMs);
    expect((delays[2] ?? 0) - (delays[0] ?? 0)).toBeGreaterThan(1_800);
    await gates.passTime(delays[0] ?? 0);
    expect(await isLetIn(again(first))).toBe(true);
    expect(await isLetIn(first)).toBe(false);
  });

  test('takes no more than there is, and leaves the line to the others when it has gone', async () => {
    const lastMs = await fillLine(batch, 3);
    const { delayMs } = await gates.wait(first);
    await gates.passTime(delayMs);
    await gates.enter(again(first));
    expect(await isLetIn(again(first))).toBe(false);
    expect(await isLetIn(again(batch))).toBe(false);
    await gates.passTime(lastMs);
    expect(await isLetIn(again(batch))).toBe(true);
  });

  test('that never comes back keeps nobody waiting', async () => {
    await gates.enter(batch);
    for (let count = 0; count < 20; count += 1) await gates.wait(first);
    await gates.passTime(2_000);
    expect(await isLetIn(batch)).toBe(true);
  });
});

describe('where no more calls may be under way, a job that goes first', () => {
  const batch: Claim = { modelLimits: { concurrency: 4 } };
  const first: Claim = { ...batch, goesFirst: true };

  async function takeAllPlaces(): Promise<string[]> {
    return Promise.all(Array.from({ length: 4 }, () => gates.enter(batch)));
  }

  test('has the next place that gets free', async () => {
    const jobs = await takeAllPlaces();
    for (let count = 0; count < 30; count += 1) await gates.wait(batch);
    const { delayMs } = await gates.wait(first);
    expect(delayMs).toBeLessThan(200);
    await gates.leave(jobs[0] ?? '', 'answered');
    expect(await isLetIn(again(batch))).toBe(false);
    expect(await isLetIn(again(first))).toBe(true);
    expect((await gates.gate(PAIR))?.inflight).toBe(4);
  });

  test('leaves what gets free to the others when its turn is over', async () => {
    const jobs = await takeAllPlaces();
    const { delayMs } = await gates.wait(first);
    await gates.leave(jobs[0] ?? '', 'answered');
    await gates.passTime(delayMs + 1);
    expect(await isLetIn(again(batch))).toBe(true);
  });

  test('that does not come keeps no more than half of the places free', async () => {
    const jobs = await takeAllPlaces();
    for (let count = 0; count < 50; count += 1) await gates.wait(first);
    for (const job of jobs.slice(0, 3)) await gates.leave(job, 'answered');
    expect([await isLetIn(batch), await isLetIn(batch)]).toEqual([true, false]);
  });
});

test('a job that goes first does so at the limits of its caller, too', async () => {
  const callers: CallerClaim[] = [{ limit: 'each', caller: 'ana', limits: { requests_per_minute: 60 } }];
  await gates.enter({ callers });
  for (let count = 0; count < 30; count += 1) await gates.waitForLimit({ callers });
  expect((await gates.waitForLimit({ callers })).delayMs).toBeGreaterThan(25_000);
  expect((await gates.waitForLimit({ callers, goesFirst: true })).delayMs).toBeLessThan(1_200);
});

test('after a pause that a provider asked for, those who go first come first', async () => {
  const modelLimits = { requests_per_minute: 60 };
  await gates.leave(await gates.enter({ modelLimits }), 'throttled', { waitMs: 5_000 });
  for (let count = 0; count < 20; count += 1) await gates.wait({ modelLimits });
  const { delayMs, reason } = await gates.wait({ modelLimits, goesFirst: true });
  expect(reason).toBe('throttled');
  expect(delayMs).toBeGreaterThan(5_000);
  expect(delayMs).toBeLessThan(7_200);
});
