import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CIRCUIT, type GateLaboratory, keyNamed, openGates } from '../support/gate-steps.ts';

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

const FAILED = { code: 'PROVIDER_FAILED' } as const;

async function open(): Promise<void> {
  for (let count = 0; count < 3; count += 1) await call('failed', FAILED);
}

describe('a circuit', () => {
  test('opens when enough calls have failed, with every key, and lets none pass', async () => {
    await call('failed', FAILED);
    await call('overloaded', FAILED);
    expect((await gates.gate(CIRCUIT))?.state).toBe('passing');
    await call('failed', FAILED);
    const { reason, delayMs, code } = await gates.wait({ keys: [keyNamed('spare')] });
    expect({ reason, code }).toEqual({ reason: 'circuit', code: 'PROVIDER_FAILED' });
    expect(delayMs).toBeGreaterThan(9_900);
    expect(delayMs).toBeLessThanOrEqual(11_000);
    expect(await gates.gate(CIRCUIT)).toMatchObject({ state: 'stopped', reason: 'circuit', code: 'PROVIDER_FAILED' });
    expect((await gates.announced())[CIRCUIT]).toMatchObject({ reason: 'circuit', code: 'PROVIDER_FAILED' });
    await gates.enter({ model: 'other' });
  });

  test('stays closed while enough calls are answered', async () => {
    for (let count = 0; count < 10; count += 1) {
      await call('answered');
      await call('answered');
      await call('failed', FAILED);
    }
    await gates.enter();
  });

  test('opens soon when a model dies that answered thousands', async () => {
    const claim = { tokens: 1 };
    for (let count = 0; count < 500; count += 1) await call('answered', {}, claim);
    let failures = 0;
    while ((await gates.gate(CIRCUIT))?.state === 'passing' && failures < 100) {
      await call('failed', FAILED);
      failures += 1;
    }
    expect(failures).toBeLessThanOrEqual(24);
  });

  test('counts failures within its window', async () => {
    await call('failed', FAILED);
    await call('failed', FAILED);
    await gates.passTime(31_000);
    await call('failed', FAILED);
    await gates.enter();
  });

  test('calls that say nothing do not count', async () => {
    await call('failed', FAILED);
    await call('failed', FAILED);
    for (const verdict of ['neutral', 'throttled', 'refused'] as const)
      await call(verdict, {}, { keys: [keyNamed(verdict)] });
    expect((await gates.state(CIRCUIT))['ended']).toBe(2);
  });

  test('after its cooldown lets one call of fifty try', async () => {
    await open();
    await gates.passTime(10_001);
    const admissions = await Promise.all(Array.from({ length: 50 }, () => gates.come()));
    const tries = admissions.filter(({ admission }) => admission.kind === 'admitted');
    expect(tries).toHaveLength(1);
    expect((await gates.gate(CIRCUIT))?.state).toBe('trying');
    for (const { admission } of admissions) {
      if (admission.kind === 'gated') expect(admission.delayMs).toBeLessThanOrEqual(5_000);
    }
    expect((await gates.announced())[CIRCUIT]?.inMs).toBeGreaterThan(3_000);
  });

  test('closes when that one is answered', async () => {
    await open();
    await gates.passTime(10_001);
    await call('answered');
    expect((await gates.gate(CIRCUIT))?.state).toBe('passing');
    expect(await gates.announced()).toEqual({});
    await Promise.all(Array.from({ length: 10 }, () => gates.enter()));
  });

  test('opens for twice as long each time that one fails, up to the longest', async () => {
    await open();
    for (const expectedMs of [10_000, 20_000, 40_000, 50_000, 50_000]) {
      const { retry_at: retryAt = 0 } = await gates.state(CIRCUIT);
      const [seconds] = await gates.redis.time();
      expect(retryAt - Number(seconds) * 1_000).toBeGreaterThan(expectedMs - 100);
      expect(retryAt - Number(seconds) * 1_000).toBeLessThanOrEqual(expectedMs + 1_000);
      await gates.passTime(expectedMs + 1);
      await call('overloaded', FAILED);
    }
  });

  test.each(['neutral', 'throttled', 'refused'] as const)('one that ends %s leaves it to the next', async (verdict) => {
    await open();
    await gates.passTime(10_001);
    await call(verdict, {}, { keys: [keyNamed('bad')] });
    expect((await gates.state(CIRCUIT))['retry_at']).toBeLessThan(Date.now());
    await call('answered');
    expect((await gates.gate(CIRCUIT))?.state).toBe('passing');
  });

  test('one of which nothing is heard again leaves it to the next', async () => {
    await open();
    await gates.passTime(10_001);
    await gates.writeOff(await gates.enter());
    const silent = await gates.enter();
    await gates.passTime(119_000);
    expect((await gates.wait()).reason).toBe('circuit');
    await gates.passTime(2_000);
    await gates.enter();
    // It was slow: its answer counts all the same.
    await gates.leave(silent, 'answered');
    expect((await gates.gate(CIRCUIT))?.state).toBe('passing');
  });

  test('calls from before it opened neither close it nor open it again', async () => {
    const [answered, failed, late] = [await gates.enter(), await gates.enter(), await gates.enter()];
    await gates.passTime(5_000);
    await open();
    const before = await gates.state(CIRCUIT);
    await gates.leave(answered, 'answered');
    await gates.leave(failed, 'failed', FAILED);
    expect(await gates.state(CIRCUIT)).toEqual(before);
    await gates.passTime(10_001);
    await call('answered');
    await gates.leave(late, 'failed', FAILED);
    expect((await gates.state(CIRCUIT))['failed']).toBeUndefined();
  });

  test('one that finds another gate closed is no try', async () => {
    await open();
    await gates.passTime(10_001);
    const claim = { keys: [keyNamed('busy', { concurrency: 1 })], model: 'other' };
    await gates.enter(claim);
    expect((await gates.wait({ ...claim, model: 'sim/small' })).reason).toBe('concurrency');
    await gates.enter();
  });
});
