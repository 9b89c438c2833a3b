import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CallerClaim } from '../../src/domain/gate.ts';
import { callerGateName } from '../../src/store/gates/names.ts';
import { readGates } from '../../src/store/gates/read.ts';
import { type GateLaboratory, KEY, openGates } from '../support/gate-steps.ts';

const USERS = ['ana', 'ben', ''];
const OF_EACH = { requests_per_minute: 6, tokens_per_minute: 20_000, concurrency: 3 };
const OF_ALL = { requests_per_minute: 10, concurrency: 5 };
const OF_THE_PAIR = { requests_per_minute: 300, concurrency: 4 };

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('come' as const),
      count: fc.integer({ min: 1, max: 6 }),
      user: fc.constantFrom(...USERS),
      isReturning: fc.boolean(),
      goesFirst: fc.boolean(),
      tokens: fc.integer({ min: 0, max: 3_000 }),
      isGated: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('leave' as const),
      which: fc.nat(),
      times: fc.integer({ min: 1, max: 2 }),
      verdict: fc.constantFrom('answered' as const, 'neutral' as const),
      report: fc.record({ tokens: fc.integer({ min: 0, max: 5_000 }) }, { requiredKeys: [] }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('lose' as const),
      which: fc.nat(),
      how: fc.constantFrom('sent' as const, 'crashed' as const, 'given back' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('passTime' as const), byMs: fc.integer({ min: 1, max: 30_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('keepAsking' as const),
      user: fc.constantFrom(...USERS),
      times: fc.integer({ min: 5, max: 20 }),
      everyMs: fc.integer({ min: 100, max: 6_000 }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Under way: by job, its user. */
type Open = Map<string, string>;
/** When a call was let in, at the earliest and at the latest. */
type Entry = { user: string; afterMs: number; beforeMs: number };

test('whatever comes, ends, repeats and is lost, limits count the calls under way, and no minute has more', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const gates = openGates();
      try {
        await play(gates, steps);
      } finally {
        await gates.close();
      }
    }),
    { numRuns: 100, interruptAfterTimeLimit: 10_000 },
  );
});

async function play(gates: GateLaboratory, steps: readonly Step[]): Promise<void> {
  const open: Open = new Map();
  const ended: string[] = [];
  const entries: Entry[] = [];
  let passedMs = 0;
  const clock = (): number => passedMs + performance.now();
  const passTime = async (byMs: number): Promise<void> => {
    await gates.passTime(byMs);
    passedMs += byMs;
  };
  for (const each of steps) {
    if (each.kind === 'come') {
      entries.push(...(await comeTogether(gates, each, open, clock)));
    } else if (each.kind === 'leave') {
      const job = pick([...open.keys(), ...ended], each.which);
      if (job === undefined) continue;
      for (let time = 0; time < each.times; time += 1) await gates.leave(job, each.verdict, each.report);
      if (open.delete(job)) ended.push(job);
    } else if (each.kind === 'lose') {
      const job = pick([...open.keys()], each.which);
      if (job === undefined) continue;
      await lose(gates, job, each.how);
      open.delete(job);
      ended.push(job);
    } else if (each.kind === 'keepAsking') {
      for (let time = 0; time < each.times; time += 1) {
        const asking = {
          kind: 'come',
          count: 1,
          isReturning: true,
          goesFirst: false,
          tokens: 10,
          isGated: false,
          user: each.user,
        } as const;
        entries.push(...(await comeTogether(gates, asking, open, clock)));
        const job = [...open.keys()].at(-1);
        if (job !== undefined) await gates.leave(job, 'answered', { tokens: 10 });
        if (job !== undefined) open.delete(job);
        await passTime(each.everyMs);
      }
    } else {
      await passTime(each.byMs);
    }
    await expectCounted(gates, open);
  }
  for (const job of open.keys()) await gates.leave(job, 'neutral');
  await expectCounted(gates, new Map());
  expectNoMinuteWithMore(entries, OF_ALL.requests_per_minute);
  for (const user of USERS) {
    const own = entries.filter((entry) => entry.user === user);
    expectNoMinuteWithMore(own, OF_EACH.requests_per_minute);
  }
}

function pick(jobs: readonly string[], which: number): string | undefined {
  return jobs[which % (jobs.length || 1)];
}

async function comeTogether(
  gates: GateLaboratory,
  { count, user, isReturning, goesFirst, tokens, isGated }: Extract<Step, { kind: 'come' }>,
  open: Open,
  clock: () => number,
): Promise<Entry[]> {
  const callers: CallerClaim[] = [
    { limit: 'all', limits: OF_ALL },
    { limit: 'each', caller: user, limits: OF_EACH },
  ];
  const modelLimits = isGated ? OF_THE_PAIR : {};
  const afterMs = clock();
  const admissions = await Promise.all(
    Array.from({ length: count }, () => gates.come({ callers, modelLimits, isReturning, goesFirst, tokens })),
  );
  const beforeMs = clock();
  const entries: Entry[] = [];
  for (const { job, admission } of admissions) {
    if (admission.kind === 'admitted') {
      open.set(job, user);
      entries.push({ user, afterMs, beforeMs });
      continue;
    }
    if (admission.kind !== 'gated') throw new Error(admission.kind);
    expect(Number.isInteger(admission.delayMs)).toBe(true);
    expect(admission.delayMs).toBeGreaterThan(0);
  }
  return entries;
}

async function lose(gates: GateLaboratory, job: string, how: 'sent' | 'crashed' | 'given back'): Promise<void> {
  if (how === 'sent') await gates.writeOff(job);
  else if (how === 'crashed') await gates.ledger.history(job, `${job}:2`);
  else await gates.ledger.settle({ jobId: job, unsent: `${job}:1` });
}

async function expectCounted(gates: GateLaboratory, open: Open): Promise<void> {
  const inflight = async (caller?: string): Promise<number> => {
    const state = await gates.state(callerGateName(caller === undefined ? 'all' : 'each', caller));
    return state['inflight'] ?? 0;
  };
  const users = [...open.values()];
  for (const user of USERS) expect(await inflight(user)).toBe(users.filter((each) => each === user).length);
  expect(await inflight()).toBe(open.size);
  const listed = await readGates(gates.redis, gates.keys);
  expect(listed.find(({ name }) => name === KEY)?.inflight ?? 0).toBe(open.size);
  expect(open.size).toBeLessThanOrEqual(OF_ALL.concurrency);
  for (const user of USERS) {
    expect(users.filter((each) => each === user).length).toBeLessThanOrEqual(OF_EACH.concurrency);
  }
}

/** Of those entries that are in one minute for certain. */
function expectNoMinuteWithMore(entries: readonly Entry[], limit: number): void {
  for (const [index, first] of entries.entries()) {
    const within = entries.slice(index).filter(({ beforeMs }) => beforeMs - first.afterMs < 60_000);
    expect(within.length).toBeLessThanOrEqual(limit);
  }
}
