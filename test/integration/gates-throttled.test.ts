import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GateLaboratory, PAIR, keyNamed, openGates } from '../support/gate-steps.ts';

let gates: GateLaboratory;
beforeEach(() => {
  gates = openGates({ failures: 3, failure_share: 0.5, window: 30_000, cooldown: 10_000, longest_cooldown: 50_000 });
});
afterEach(() => gates.close());

type Claim = Parameters<GateLaboratory['come']>[0];
type Verdict = Parameters<GateLaboratory['leave']>[1];
type Report = Parameters<GateLaboratory['leave']>[2];

async function call(verdict: Verdict, report?: Report, claim?: Claim): Promise<void> {
  await gates.leave(await gates.enter(claim), verdict, report);
}

describe('a throttled model', () => {
  test('takes no calls with that key for as long as the provider asked, whoever asks', async () => {
    await call('throttled', { waitMs: 7_000, code: 'PROVIDER_RATE_LIMITED' });
    const { reason, delayMs } = await gates.wait();
    expect(reason).toBe('throttled');
    expect(delayMs).toBeGreaterThan(6_900);
    expect(await gates.gate(PAIR)).toMatchObject({ state: 'stopped', reason: 'throttled' });
    expect((await gates.announced())[PAIR]).toMatchObject({ reason: 'throttled', code: 'PROVIDER_RATE_LIMITED' });
    await gates.enter({ model: 'other' });
    await gates.passTime(7_000);
    await gates.enter();
    expect(await gates.announced()).toEqual({});
    expect(await gates.gate(PAIR)).toMatchObject({ state: 'passing' });
  });

  test('is asked with the next key', async () => {
    const keys = [keyNamed('default'), keyNamed('spare')];
    await call('throttled', { waitMs: 7_000 }, { keys });
    expect((await gates.come({ keys })).admission).toEqual({ kind: 'admitted', key: 'spare' });
  });

  test.each([
    { waitMs: 0, leastMs: 200, mostMs: 250 },
    { waitMs: 3_600_000, leastMs: 299_000, mostMs: 300_000 },
  ])('a wait of $waitMs ms is taken for $mostMs', async ({ waitMs, leastMs, mostMs }) => {
    await call('throttled', { waitMs });
    const untilMs = (await gates.gate(PAIR))?.untilMs ?? 0;
    const [seconds, micros] = await gates.redis.time();
    expect(untilMs - Number(seconds) * 1_000 - Number(micros) / 1_000).toBeGreaterThan(leastMs);
    expect(untilMs - Number(seconds) * 1_000 - Number(micros) / 1_000).toBeLessThanOrEqual(mostMs);
  });

  test('is left alone for twice as long each time when the provider does not say, up to a minute', async () => {
    for (const expectedMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      await call('throttled');
      const { closed_until: untilMs = 0, closed_since: sinceMs = 0 } = await gates.state(PAIR);
      expect(untilMs - sinceMs).toBeGreaterThanOrEqual(expectedMs * 0.8);
      expect(untilMs - sinceMs).toBeLessThanOrEqual(expectedMs * 1.2 + 1);
      await gates.passTime(75_000);
    }
  });

  test('begins with a second again after an answer, but not after one from before', async () => {
    const slow = await gates.enter();
    for (let count = 0; count < 3; count += 1) {
      await call('throttled');
      await gates.passTime(10_000);
      // The slow one fills the limit that adapts itself.
      await gates.redis.hdel(gates.keys.gate(PAIR), 'adaptive');
    }
    await gates.leave(slow, 'answered');
    expect((await gates.state(PAIR))['strikes']).toBe(3);
    await call('answered');
    await call('throttled');
    expect((await gates.state(PAIR))['strikes']).toBe(1);
  });

  test('one burst is one signal: what was under way neither doubles the wait nor prolongs it', async () => {
    const burst = await Promise.all(Array.from({ length: 10 }, () => gates.enter()));
    await gates.leave(burst[0] ?? '', 'throttled');
    await gates.passTime(500);
    const pause = (await gates.state(PAIR))['closed_until'];
    for (const job of burst) await gates.leave(job, 'throttled');
    expect(await gates.state(PAIR)).toMatchObject({ strikes: 1, closed_until: pause });
  });

  test('the longest wait of a burst counts', async () => {
    const [first, second, third] = [await gates.enter(), await gates.enter(), await gates.enter()];
    await gates.leave(first, 'throttled', { waitMs: 1_000 });
    await gates.leave(second, 'throttled', { waitMs: 9_000 });
    await gates.leave(third, 'throttled', { waitMs: 2_000 });
    expect((await gates.wait()).delayMs).toBeGreaterThan(8_900);
  });

  test('those who wait for a limit have their turns after the pause, one after the other', async () => {
    const claim = { modelLimits: { requests_per_minute: 60 } };
    const job = await gates.enter(claim);
    await gates.leave(job, 'throttled', { waitMs: 5_000 });
    const delays = [];
    for (let count = 0; count < 3; count += 1) delays.push((await gates.wait(claim)).delayMs);
    for (const [place, delayMs] of delays.entries()) {
      expect(delayMs).toBeGreaterThan(5_000 + (place + 0.9) * 1_020);
      expect(delayMs).toBeLessThan(5_100 + (place + 1.1) * 1_020);
    }
  });
});
