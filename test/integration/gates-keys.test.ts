import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CIRCUIT, type GateLaboratory, KEY, PAIR, keyNamed, openGates } from '../support/gate-steps.ts';

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

const REFUSED = { code: 'PROVIDER_AUTH' } as const;

describe('a refused key', () => {
  test('is used by nobody for a minute, for no model, while others are', async () => {
    const keys = [keyNamed('default'), keyNamed('spare')];
    await call('refused', REFUSED, { keys });
    expect((await gates.come({ keys })).admission).toEqual({ kind: 'admitted', key: 'spare' });
    const { reason, delayMs, code } = await gates.wait({ model: 'other' });
    expect({ reason, code }).toEqual({ reason: 'key', code: 'PROVIDER_AUTH' });
    expect(delayMs).toBeGreaterThan(59_000);
    expect(delayMs).toBeLessThanOrEqual(66_000);
    expect(await gates.gate(KEY)).toMatchObject({ state: 'stopped', reason: 'key', code: 'PROVIDER_AUTH' });
    expect((await gates.announced())[KEY]).toMatchObject({ reason: 'key', code: 'PROVIDER_AUTH' });
  });

  test('when all are refused, the one that may be tried first counts', async () => {
    const keys = [keyNamed('default'), keyNamed('spare')];
    await call('refused', { ...REFUSED, waitMs: 500_000 }, { keys });
    await call('refused', REFUSED, { keys });
    const { reason, delayMs } = await gates.wait({ keys });
    expect(reason).toBe('key');
    expect(delayMs).toBeLessThanOrEqual(66_000);
  });

  test('is tried by one call after its time, and used again when that is answered', async () => {
    await call('refused', REFUSED);
    await gates.passTime(60_001);
    const admissions = await Promise.all(Array.from({ length: 50 }, () => gates.come()));
    const tries = admissions.filter(({ admission }) => admission.kind === 'admitted');
    expect(tries).toHaveLength(1);
    await gates.leave(tries[0]?.job ?? '', 'answered');
    await Promise.all(Array.from({ length: 10 }, () => gates.enter({ model: 'other' })));
    expect(await gates.announced()).toEqual({});
  });

  test('is left alone for twice as long each time, up to ten minutes', async () => {
    await call('refused', REFUSED);
    for (const expectedMs of [60_000, 120_000, 240_000, 480_000, 600_000, 600_000]) {
      const untilMs = (await gates.gate(KEY))?.untilMs ?? 0;
      const [seconds] = await gates.redis.time();
      expect(untilMs - Number(seconds) * 1_000).toBeGreaterThan(expectedMs - 500);
      expect(untilMs - Number(seconds) * 1_000).toBeLessThanOrEqual(expectedMs + 1_000);
      await gates.passTime(expectedMs + 1);
      await call('refused', REFUSED);
    }
  });

  test('whose money is gone until the end of the month is remembered for as long', async () => {
    const monthMs = 31 * 86_400_000;
    await call('refused', { code: 'PROVIDER_QUOTA', waitMs: monthMs });
    expect(await gates.redis.pttl(gates.keys.gate(KEY))).toBeGreaterThan(monthMs);
    await gates.passTime(monthMs - 10_000);
    expect((await gates.wait()).reason).toBe('key');
  });

  test('no key is left alone for more than 32 days', async () => {
    await call('refused', { code: 'PROVIDER_QUOTA', waitMs: 1e15 });
    expect((await gates.wait()).delayMs).toBeLessThan(1.1 * 32 * 86_400_000);
  });

  test('an answer from before does not give it back, and a refusal that knows for how long prolongs', async () => {
    const [answered, refused] = [await gates.enter(), await gates.enter()];
    await gates.passTime(5_000);
    await call('refused', REFUSED);
    await gates.leave(answered, 'answered');
    expect((await gates.wait()).reason).toBe('key');
    await gates.leave(refused, 'refused', { ...REFUSED, waitMs: 500_000 });
    expect((await gates.wait()).delayMs).toBeGreaterThan(490_000);
  });
});

describe('together', () => {
  test('a repeated settle changes no gate', async () => {
    const job = await gates.enter({ modelLimits: { tokens_per_minute: 1_000 } });
    const report = { waitMs: 5_000, tokens: 3, limits: { requests: { limit: 10, remaining: 0, resetMs: 9_000 } } };
    await gates.leave(job, 'throttled', report);
    const all = async () => Promise.all([gates.state(CIRCUIT), gates.state(KEY), gates.state(PAIR), gates.announced()]);
    const before = await all();
    await gates.leave(job, 'throttled', report);
    await gates.leave(job, 'refused', report);
    expect(await all()).toEqual(before);
  });

  test('asking again for the same attempt is answered with the same key, and reserves nothing', async () => {
    const keys = [keyNamed('first'), keyNamed('second')];
    const { job } = await gates.come({ keys, modelLimits: { concurrency: 1 } });
    const again = await gates.ledger.admit({
      jobId: job,
      attemptId: `${job}:1`,
      holdNanos: 1,
      budgets: [],
      expiresInMs: 1_000,
      gates: {
        provider: 'alpha',
        model: 'sim/small',
        keys: keys.toReversed(),
        modelLimits: {},
        tokens: 1,
        isReturning: false,
        callers: [],
      },
      writeOff: { record: {} as never, summary: {} as never },
    });
    expect(again).toEqual({ kind: 'admitted', key: 'first' });
    expect((await gates.gate('alpha#first'))?.inflight).toBe(1);
  });

  test('a model whose name breaks lines is a gate like any other', async () => {
    const claim = { model: 'a\n\tb', modelLimits: { concurrency: 1 } };
    const job = await gates.enter(claim);
    expect((await gates.wait(claim)).reason).toBe('concurrency');
    await gates.leave(job, 'answered');
    await gates.enter(claim);
  });

  test('what nobody uses is forgotten', async () => {
    await gates.leave(await gates.enter(), 'answered');
    for (const name of [CIRCUIT, KEY, PAIR]) {
      expect(await gates.redis.pttl(gates.keys.gate(name))).toBeGreaterThan(80_000_000);
    }
  });

  test('no key of a provider gets into Redis', async () => {
    const key = { ...keyNamed('default'), key: 'sk-canary', weight: 1 };
    await gates.enter({ keys: [key] });
    const all = await Promise.all(
      (await gates.redis.keys(`${gates.keys.prefix}*`)).map((name) => gates.redis.dump(name)),
    );
    expect(all.length).toBeGreaterThan(2);
    expect(all.join('')).not.toContain('canary');
  });
});
