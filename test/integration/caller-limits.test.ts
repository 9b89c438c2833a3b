import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CallerClaim } from '../../src/domain/gate.ts';
import type { RateLimits } from '../../src/domain/provider-config.ts';
import { callerGateName } from '../../src/store/gates/names.ts';
import { readGates, readLimitRefusals } from '../../src/store/gates/read.ts';
import { type GateLaboratory, KEY, PAIR, openGates } from '../support/gate-steps.ts';
import { admitRequest } from '../support/ledger-steps.ts';

let gates: GateLaboratory;
beforeEach(() => {
  gates = openGates();
});
afterEach(() => gates.close());

function by(caller: string | undefined, limits: RateLimits, limit = 'each'): { callers: CallerClaim[] } {
  return { callers: [{ limit, ...(caller === undefined ? {} : { caller }), limits }] };
}

const ANA = callerGateName('each', 'ana');

describe('a limit for callers', () => {
  test('of which each has a share: one who has used his up waits, and the others do not', async () => {
    const limits = { requests_per_minute: 6 };
    await gates.enter(by('ana', limits));
    expect(await gates.waitForLimit(by('ana', limits))).toMatchObject({ reason: 'caller', limit: 'each' });
    await gates.enter(by('ben', limits));
    await gates.enter(by('', limits));
  });

  test('that all share counts the calls of all, whatever the model', async () => {
    const limits = { concurrency: 2 };
    await gates.enter(by(undefined, limits));
    const second = await gates.enter({ ...by(undefined, limits), model: 'other' });
    await gates.waitForLimit({ ...by(undefined, limits), provider: 'beta' });
    await gates.leave(second, 'answered');
    await gates.enter(by(undefined, limits));
  });

  test('gives turns one after the other, and lets in whoever comes at his', async () => {
    const claim = by('ana', { requests_per_minute: 60 });
    await gates.enter(claim);
    const delays = [];
    for (let count = 0; count < 5; count += 1) delays.push((await gates.waitForLimit(claim)).delayMs);
    const intervalMs = 60_000 / (0.98 * 60);
    for (const [place, delayMs] of delays.entries()) {
      expect(delayMs).toBeGreaterThan((place + 0.4) * intervalMs);
      expect(delayMs).toBeLessThan((place + 0.6) * intervalMs);
    }
    await gates.passTime(delays[0] ?? 0);
    await gates.waitForLimit(claim);
    await gates.enter({ ...claim, isReturning: true });
  });

  test('keeps no turn for a job whose time is over before', async () => {
    const claim = by('ana', { requests_per_minute: 60 });
    await gates.enter(claim);
    for (let count = 0; count < 20; count += 1) await gates.waitForLimit({ ...claim, timeLeftMs: 100 });
    expect((await gates.waitForLimit(claim)).delayMs).toBeLessThan(700);
  });

  test('is waited for however impatient the job is', async () => {
    const claim = by('ana', { requests_per_minute: 60 });
    await gates.enter(claim);
    await gates.waitForLimit({ ...claim, patienceMs: 0 });
    // A turn was kept for that one.
    expect((await gates.waitForLimit(claim)).delayMs).toBeGreaterThan(1_000);
  });

  test('of several is told that has the last turn, and there is a place in each line', async () => {
    const callers = [
      ...by('ana', { requests_per_minute: 60 }, 'quick').callers,
      ...by(undefined, { requests_per_minute: 6 }, 'slow').callers,
    ];
    await gates.enter({ callers });
    const { limit, delayMs } = await gates.waitForLimit({ callers });
    expect(limit).toBe('slow');
    expect(delayMs).toBeGreaterThan(9_000);
    expect((await gates.waitForLimit(by('ana', { requests_per_minute: 60 }, 'quick'))).delayMs).toBeGreaterThan(1_400);
  });

  test('is counted when it has a call wait, by its name', async () => {
    for (const caller of ['ana', 'ben']) {
      await gates.enter(by(caller, { concurrency: 1 }));
      await gates.waitForLimit(by(caller, { concurrency: 1 }));
    }
    expect(await readLimitRefusals(gates.redis, gates.keys)).toEqual(new Map([['each', 2]]));
  });
});

describe('nothing is used up', () => {
  test('of budgets and gates, when a limit turns the call away', async () => {
    const claim = { ...by('ana', { concurrency: 1 }), modelLimits: { requests_per_minute: 600 } };
    await gates.enter(claim);
    const before = await gates.state(PAIR);
    await gates.waitForLimit(claim);
    expect(await gates.state(PAIR)).toEqual(before);
    expect((await gates.gate(KEY))?.inflight).toBe(1);
    expect((await gates.money()).heldNanos).toBe(1);
  });

  test('of a limit, when a gate turns the call away, or another limit', async () => {
    const limits = { requests_per_minute: 600, tokens_per_minute: 60_000, concurrency: 10 };
    await gates.enter({ ...by('ana', limits), modelLimits: { concurrency: 1 } });
    const before = await gates.state(ANA);
    await gates.wait({ ...by('ana', limits), modelLimits: { concurrency: 1 } });
    await gates.enter({ ...by('ben', { concurrency: 1 }, 'other'), model: 'other' });
    const callers = [...by('ana', limits).callers, ...by('ben', { concurrency: 1 }, 'other').callers];
    await gates.waitForLimit({ callers, model: 'other' });
    expect(await gates.state(ANA)).toEqual(before);
  });

  test('of a limit, when a budget has no room; and whoever has used his limit up is told that before', async () => {
    const claim = by('ana', { concurrency: 1 });
    const ask = async (job: string) => gates.ledger.admit(admitRequest({ job, hold: 2, limit: 1, gates: claim }));
    expect((await ask('poor')).kind).toBe('denied');
    expect(await gates.state(ANA)).toEqual({});
    await gates.enter(claim);
    expect(await ask('poor')).toMatchObject({ kind: 'gated', reason: 'caller' });
  });
});

describe('a call that has ended', () => {
  const LIMITS = { tokens_per_minute: 60_000, concurrency: 5 };

  test.each([
    { how: 'with what it came to', tokens: 3_000, used: 3_000 },
    { how: 'without a count: what was expected stands', tokens: undefined, used: 2_500 },
  ])('is charged $used tokens: $how', async ({ tokens, used }) => {
    const job = await gates.enter({ ...by('ana', LIMITS), tokens: 2_500 });
    const { tokens: level = 0 } = await gates.state(ANA);
    await gates.leave(job, 'neutral', tokens === undefined ? {} : { tokens });
    expect(await gates.state(ANA)).toMatchObject({ inflight: 0, tokens: level + 2_500 - used });
  });

  test('twice, ends once', async () => {
    await gates.enter(by('ana', LIMITS));
    const job = await gates.enter(by('ana', LIMITS));
    for (let time = 0; time < 3; time += 1) await gates.leave(job, 'answered', { tokens: 10 });
    expect((await gates.state(ANA))['inflight']).toBe(1);
  });

  test('in silence is charged what was expected; one that never went out gets its tokens back', async () => {
    for (const [caller, end, left] of [
      ['sent', gates.writeOff, 490 - 2_500],
      ['crashed', async (job: string) => gates.ledger.history(job, `${job}:2`), 490],
      ['given back', async (job: string) => gates.ledger.settle({ jobId: job, unsent: `${job}:1` }), 490],
    ] as const) {
      await end(await gates.enter({ ...by(caller, LIMITS), tokens: 2_500 }));
      expect(await gates.state(callerGateName('each', caller))).toMatchObject({ inflight: 0, tokens: left });
    }
  });

  test('teaches what calls of this caller come to', async () => {
    const claim = { ...by('ana', LIMITS), tokens: 1_000, isReturning: true };
    for (let count = 0; count < 25; count += 1) {
      await gates.leave(await gates.enter(claim), 'answered', { tokens: 200 });
      await gates.passTime(1_000);
    }
    expect((await gates.state(ANA))['tokens_ratio']).toBeCloseTo(0.2);
    await gates.enter(claim);
    // It was full.
    expect((await gates.state(ANA))['tokens']).toBeCloseTo(490 - 200);
  });

  test.each(['throttled', 'overloaded', 'failed', 'refused'] as const)('as %s closes no limit', async (verdict) => {
    const claim = by('ana', { concurrency: 5 });
    for (const provider of ['alpha', 'beta', 'gamma', 'delta', 'epsilon']) {
      await gates.leave(await gates.enter({ ...claim, provider }), verdict);
    }
    await gates.enter({ ...claim, provider: 'zeta' });
    expect(await gates.state(ANA)).toMatchObject({ inflight: 1, calls_limit: 5 });
  });
});

describe('the gates of callers', () => {
  test('are in no list, and are forgotten after a day', async () => {
    await gates.enter(by('ana', { concurrency: 1 }));
    await gates.waitForLimit(by('ana', { concurrency: 1 }));
    expect((await readGates(gates.redis, gates.keys)).map(({ name }) => name)).not.toContain(ANA);
    expect(await gates.redis.zscore(gates.keys.gates, ANA)).toBeNull();
    const lifeMs = await gates.redis.pttl(gates.keys.gate(ANA));
    expect(lifeMs).toBeGreaterThan(86_000_000);
    expect(lifeMs).toBeLessThanOrEqual(86_400_000);
  });

  test('are told apart, whatever callers are called', async () => {
    const names = ['a', 'a/b', 'a\tb', 'a\nb', 'alpha#default', 'alpha|sim/small', ' ', '{sluice}', 'ä', ''];
    const limits = { concurrency: 1 };
    const jobs = [];
    for (const name of names) jobs.push(await gates.enter(by(name, limits)));
    jobs.push(await gates.enter(by('b', limits, 'a')), await gates.enter(by(undefined, limits, 'a/b')));
    for (const name of names) await gates.waitForLimit(by(name, limits));
    for (const job of jobs) await gates.leave(job, 'answered');
    for (const name of names) await gates.enter(by(name, limits));
  });
});
