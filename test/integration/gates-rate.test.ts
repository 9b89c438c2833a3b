import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GateLaboratory, KEY, PAIR, keyNamed, openGates } from '../support/gate-steps.ts';

let gates: GateLaboratory;
beforeEach(() => {
  gates = openGates();
});
afterEach(() => gates.close());

/** Lets in as many as there are, at once. */
async function enterAll(claim: Parameters<GateLaboratory['come']>[0], most = 200): Promise<number> {
  for (let entered = 0; entered < most; entered += 1) {
    if ((await gates.come(claim)).admission.kind === 'gated') return entered;
  }
  throw new Error(`more than ${most} were let in`);
}

describe('requests a minute', () => {
  test('at once there is one call, and half a second of the limit', async () => {
    expect(await enterAll({ modelLimits: { requests_per_minute: 6 } })).toBe(1);
    const claim = { model: 'other', modelLimits: { requests_per_minute: 3_000 } };
    const together = await Promise.all(Array.from({ length: 40 }, () => gates.come(claim)));
    expect(together.filter(({ admission }) => admission.kind === 'admitted')).toHaveLength(25);
  });

  test.each([1, 3, 10, 60, 600])(
    'of %d calls: no minute has more, even the first, and none is wasted',
    async (limit) => {
      const claim = { modelLimits: { requests_per_minute: limit }, isReturning: true };
      const stepMs = Math.max(100, 6_000 / limit);
      const began = Date.now();
      let entered = 0;
      // What the test itself takes is part of the minute.
      for (let passedMs = 0; passedMs + Date.now() - began < 60_000; passedMs += stepMs) {
        entered += await enterAll(claim);
        await gates.passTime(stepMs);
        await gates.redis.del(gates.keys.open);
      }
      expect(entered).toBeLessThanOrEqual(limit);
      expect(entered).toBeGreaterThanOrEqual(Math.floor(limit * 0.95));
    },
  );

  test('those who are turned away are given turns one after the other, at the pace of the limit', async () => {
    const claim = { modelLimits: { requests_per_minute: 60 } };
    await gates.enter(claim);
    const delays = [];
    for (let count = 0; count < 5; count += 1) {
      const { reason, delayMs } = await gates.wait(claim);
      expect(reason).toBe('rate');
      delays.push(delayMs);
    }
    const intervalMs = 60_000 / (0.98 * 60);
    for (const [place, delayMs] of delays.entries()) {
      // Half a call was left over.
      expect(delayMs).toBeGreaterThan((place + 0.4) * intervalMs);
      expect(delayMs).toBeLessThan((place + 0.6) * intervalMs);
    }
  });

  test('whoever comes back at his turn is let in, and nobody before him who comes for the first time', async () => {
    const claim = { modelLimits: { requests_per_minute: 60 } };
    await gates.enter(claim);
    const first = await gates.wait(claim);
    const second = await gates.wait(claim);
    await gates.passTime(first.delayMs);
    expect((await gates.come(claim)).admission.kind).toBe('gated');
    await gates.enter({ ...claim, isReturning: true });
    expect((await gates.come({ ...claim, isReturning: true })).admission.kind).toBe('gated');
    await gates.passTime(second.delayMs - first.delayMs);
    await gates.enter({ ...claim, isReturning: true });
  });

  test('a turn leaves ten milliseconds for clocks that are not even', async () => {
    const claim = { modelLimits: { requests_per_minute: 60 } };
    await gates.enter(claim);
    await gates.wait(claim);
    const { requests = 0, requests_at: at = 0, requests_turn: nextTurn = 0 } = await gates.state(PAIR);
    const intervalMs = 60_000 / (0.98 * 60);
    expect(nextTurn - intervalMs - (at + (1 - requests) * intervalMs)).toBeCloseTo(10, 1);
  });

  test('a clock that was put back keeps nobody waiting', async () => {
    const claim = { modelLimits: { requests_per_minute: 60 } };
    await gates.enter(claim);
    await gates.passTime(-3_600_000);
    expect((await gates.wait({ ...claim, isReturning: true })).delayMs).toBeLessThan(1_000);
  });

  test('turns that nobody takes are given anew', async () => {
    const claim = { modelLimits: { requests_per_minute: 60 } };
    await gates.enter(claim);
    for (let count = 0; count < 30; count += 1) await gates.wait(claim);
    // Nobody has come for half of the line: whoever comes now is let in, and the next one has those turns before him.
    await gates.passTime(15_000);
    await gates.enter(claim);
    expect((await gates.wait(claim)).delayMs).toBeLessThan(4_000);
  });

  test('no turn is kept for a job that would not wait so long', async () => {
    const claim = { modelLimits: { requests_per_minute: 60 } };
    await gates.enter(claim);
    for (let count = 0; count < 20; count += 1) {
      const { delayMs } = await gates.wait({ ...claim, patienceMs: 100 });
      expect(delayMs).toBeLessThan(1_000);
    }
    expect((await gates.wait(claim)).delayMs).toBeLessThan(700);
  });

  test('a line of more than ten minutes is looked at again before', async () => {
    const claim = { modelLimits: { requests_per_minute: 2 } };
    await gates.enter(claim);
    const delays = [];
    for (let count = 0; count < 60; count += 1) delays.push((await gates.wait(claim)).delayMs);
    expect(Math.max(...delays)).toBeLessThanOrEqual(600_000);
    const spread = new Set(delays.slice(30));
    expect(spread.size).toBeGreaterThan(20);
    expect(Math.min(...spread)).toBeGreaterThanOrEqual(300_000);
  });

  test("a key's limit counts over all its models", async () => {
    const keys = [keyNamed('default', { requests_per_minute: 6 })];
    await gates.enter({ keys });
    expect((await gates.wait({ keys, model: 'other' })).reason).toBe('rate');
    await gates.enter({ keys: [keyNamed('spare', { requests_per_minute: 6 })], model: 'other' });
  });

  test('whoever is turned away by one limit has used up nothing of the others', async () => {
    const keys = [keyNamed('default', { requests_per_minute: 6_000 })];
    await gates.enter({ keys, modelLimits: { tokens_per_minute: 600 }, tokens: 100 });
    const before = (await gates.state(KEY))['requests'];
    await gates.wait({ keys, modelLimits: { tokens_per_minute: 600 }, tokens: 100 });
    expect((await gates.state(KEY))['requests']).toBe(before);
    expect((await gates.gate(KEY))?.inflight).toBe(1);
  });

  test('the first key with something left takes the call; when all are used up, the soonest turn counts', async () => {
    const keys = [keyNamed('slow', { requests_per_minute: 2 }), keyNamed('quick', { requests_per_minute: 30 })];
    const first = await gates.come({ keys });
    const second = await gates.come({ keys });
    expect([first.admission, second.admission]).toEqual([
      { kind: 'admitted', key: 'slow' },
      { kind: 'admitted', key: 'quick' },
    ]);
    expect((await gates.wait({ keys })).delayMs).toBeLessThan(2_200);
    expect((await gates.gate('alpha#slow'))?.requestsPerMinute).toBe(2);
  });
});

describe('tokens a minute', () => {
  const LIMIT = { tokens_per_minute: 60_000 };

  test('a call may take more than there is, and the next one waits until that has been made up for', async () => {
    await gates.enter({ modelLimits: LIMIT, tokens: 2_500 });
    const { reason, delayMs } = await gates.wait({ modelLimits: LIMIT, tokens: 1 });
    expect(reason).toBe('rate');
    // 490 were there, 980 come in a second.
    expect(delayMs).toBeGreaterThan(1_900);
    expect(delayMs).toBeLessThan(2_200);
  });

  test('what was not used is given back, and what was used besides is taken', async () => {
    const less = await gates.enter({ modelLimits: LIMIT, tokens: 2_500 });
    await gates.leave(less, 'neutral', { tokens: 100 });
    const more = await gates.enter({ modelLimits: LIMIT, tokens: 10 });
    await gates.leave(more, 'neutral', { tokens: 3_000 });
    const { delayMs } = await gates.wait({ modelLimits: LIMIT, tokens: 1 });
    expect(delayMs).toBeGreaterThan(2_400);
    expect(delayMs).toBeLessThan(2_800);
  });

  test('without a count what was expected stands', async () => {
    await gates.leave(await gates.enter({ modelLimits: LIMIT, tokens: 2_500 }), 'answered');
    await gates.leave(await gates.enter({ model: 'other', modelLimits: LIMIT, tokens: 2_500 }), 'neutral');
    expect((await gates.wait({ modelLimits: LIMIT, tokens: 1 })).delayMs).toBeGreaterThan(1_900);
  });

  test('calls that come to a fifth of what was expected are charged a fifth, and turns follow each other as quickly', async () => {
    const claim = { modelLimits: LIMIT, tokens: 1_000, isReturning: true };
    for (let count = 0; count < 25; count += 1) {
      await gates.leave(await gates.enter(claim), 'answered', { tokens: 200 });
      await gates.passTime(1_000);
    }
    expect((await gates.state(PAIR))['tokens_ratio']).toBeCloseTo(0.2);
    let entered = 0;
    while ((await gates.come(claim)).admission.kind === 'admitted') entered += 1;
    expect(entered).toBe(3);
    const [first, second] = [await gates.wait(claim), await gates.wait(claim)];
    expect(second.delayMs - first.delayMs).toBeGreaterThan(190);
    expect(second.delayMs - first.delayMs).toBeLessThan(220);
  });

  test('as long as nobody knows what calls come to, nobody is sent away for long', async () => {
    const claim = { modelLimits: LIMIT, tokens: 5_000 };
    await gates.enter(claim);
    for (let count = 0; count < 20; count += 1) expect((await gates.wait(claim)).delayMs).toBeLessThanOrEqual(5_000);
  });
});

const told = (limit: number, remaining: number, resetMs: number) => ({
  limits: { requests: { limit, remaining, resetMs } },
});

describe('limits that the provider tells', () => {
  test.each([
    { of: 'a minute', limits: told(60, 59, 1_017), perMinute: 60 },
    { of: 'a minute, and much is used', limits: told(5_000, 1_000, 48_000), perMinute: 5_000 },
    { of: 'a second', limits: told(5, 4, 210), perMinute: 300 },
    { of: 'an hour', limits: told(1_000, 900, 360_000), perMinute: undefined },
    { of: 'a day', limits: told(200, 199, 432_000), perMinute: undefined },
    { of: 'whole seconds that say nothing', limits: told(10, 9, 1_000), perMinute: undefined },
    { of: 'nothing used', limits: told(60, 60, 0), perMinute: undefined },
    { of: 'nonsense', limits: told(Number.NaN, -1, Number.POSITIVE_INFINITY), perMinute: undefined },
    { of: 'no limit', limits: told(0, 0, 1_000), perMinute: undefined },
  ])('$of: $perMinute a minute', async ({ limits, perMinute }) => {
    await gates.leave(await gates.enter(), 'answered', limits);
    await gates.enter();
    expect((await gates.gate(PAIR))?.requestsPerMinute).toBe(perMinute);
  });

  test('are kept as if they were configured, unless the configured one is lower', async () => {
    await gates.leave(await gates.enter(), 'answered', told(6, 5, 10_010));
    await gates.enter();
    expect((await gates.wait()).reason).toBe('rate');
    await gates.enter({ modelLimits: { requests_per_minute: 3 }, keys: [keyNamed('other')] });
    expect((await gates.gate('alpha#other|sim/small'))?.requestsPerMinute).toBe(3);
  });

  test('are forgotten when they are not confirmed; of two the lower stands until then', async () => {
    await gates.leave(await gates.enter(), 'answered', told(60, 59, 1_017));
    await gates.leave(await gates.enter(), 'answered', told(600, 599, 101));
    await gates.passTime(2_000);
    await gates.enter();
    expect((await gates.state(PAIR))['requests_limit']).toBe(60);
    await gates.passTime(301_000);
    for (let count = 0; count < 5; count += 1) await gates.enter();
    expect((await gates.gate(PAIR))?.inflight).toBe(6);
  });

  test('are kept as long as they are confirmed', async () => {
    for (let count = 0; count < 4; count += 1) {
      await gates.leave(await gates.enter(), 'answered', told(60, 59, 1_017));
      await gates.passTime(200_000);
    }
    await gates.enter();
    expect((await gates.wait()).reason).toBe('rate');
  });

  test('nothing left: nobody calls before there is', async () => {
    await gates.leave(await gates.enter(), 'answered', told(60, 0, 30_000));
    const { reason, delayMs } = await gates.wait();
    expect(reason).toBe('throttled');
    expect(delayMs).toBeGreaterThan(29_000);
    await gates.passTime(30_500);
    await gates.enter({ isReturning: true });
  });

  test.each([
    { of: 'an hour', resetMs: 3_000_000, mostMs: 300_000 },
    { of: 'a day', resetMs: 80_000_000, mostMs: 3_600_000 },
  ])('nothing left for $of: one looks again after $mostMs ms', async ({ resetMs, mostMs }) => {
    await gates.leave(await gates.enter(), 'answered', told(200, 0, resetMs));
    expect((await gates.announced())[PAIR]).toMatchObject({ reason: 'throttled', code: '' });
    const { inMs } = (await gates.announced())[PAIR] ?? { inMs: 0 };
    expect(inMs).toBeGreaterThan(mostMs - 1_000);
    expect(inMs).toBeLessThanOrEqual(mostMs + 1_000);
  });
});
