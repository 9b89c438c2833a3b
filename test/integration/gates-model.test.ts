import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type GateStatus, readGates } from '../../src/store/gates/read.ts';
import { CIRCUIT, type GateLaboratory, keyNamed, openGates } from '../support/gate-steps.ts';

const MODELS = ['sim/small', 'sim/large'];
const VERDICTS = ['answered', 'throttled', 'overloaded', 'failed', 'refused', 'neutral'] as const;
const CONCURRENCY = { ofKey: 4, ofPair: 3 };

const told = fc.record({
  limit: fc.integer({ min: 0, max: 1_000 }),
  remaining: fc.integer({ min: -1, max: 1_000 }),
  resetMs: fc.integer({ min: 0, max: 100_000_000 }),
});
const report = fc.record(
  {
    waitMs: fc.integer({ min: 0, max: 1_000_000 }),
    tokens: fc.integer({ min: 0, max: 5_000 }),
    limits: fc.record({ requests: told, tokens: told }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('come' as const),
      count: fc.integer({ min: 1, max: 6 }),
      model: fc.constantFrom(...MODELS),
      isLimited: fc.boolean(),
      isReturning: fc.boolean(),
      goesFirst: fc.boolean(),
      tokens: fc.integer({ min: 0, max: 3_000 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('leave' as const),
      which: fc.nat(),
      times: fc.integer({ min: 1, max: 2 }),
      verdict: fc.constantFrom(...VERDICTS),
      report,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('writeOff' as const), which: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('passTime' as const), byMs: fc.integer({ min: 1, max: 200_000 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Under way: by job, the gates that count it. */
type Open = Map<string, { key: string; pair: string }>;

test('whatever comes, ends, repeats and is lost in whatever order, each gate counts exactly the calls under way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const gates = openGates({ failures: 2, cooldown: 5_000 });
      try {
        await play(gates, steps);
      } finally {
        await gates.close();
      }
    }),
    { numRuns: 150, interruptAfterTimeLimit: 10_000 },
  );
});

async function play(gates: GateLaboratory, steps: readonly Step[]): Promise<void> {
  const open: Open = new Map();
  const ended: string[] = [];
  for (const each of steps) {
    if (each.kind === 'come') {
      await comeTogether(gates, each, open);
    } else if (each.kind === 'leave') {
      const job = [...open.keys(), ...ended][each.which % (open.size + ended.length || 1)];
      if (job === undefined) continue;
      for (let time = 0; time < each.times; time += 1) await gates.leave(job, each.verdict, each.report);
      if (open.delete(job)) ended.push(job);
    } else if (each.kind === 'writeOff') {
      const job = [...open.keys()][each.which % (open.size || 1)];
      if (job === undefined) continue;
      await gates.writeOff(job);
      open.delete(job);
      ended.push(job);
    } else {
      await gates.passTime(each.byMs);
    }
    await expectCounted(gates, open);
  }
  for (const job of open.keys()) await gates.leave(job, 'neutral');
  await expectCounted(gates, new Map());
  expect(await gates.money()).toEqual({
    spentNanos: (await gates.usage()).reduce((sum, { cost_nanos }) => sum + cost_nanos, 0),
    heldNanos: 0,
  });
}

async function comeTogether(
  gates: GateLaboratory,
  { count, model, isLimited, isReturning, goesFirst, tokens }: Extract<Step, { kind: 'come' }>,
  open: Open,
): Promise<void> {
  const limits = { requests_per_minute: 600, tokens_per_minute: 100_000 };
  const rates = isLimited ? limits : {};
  const keys = ['first', 'second'].map((name) => keyNamed(name, { ...rates, concurrency: CONCURRENCY.ofKey }));
  const modelLimits = { ...rates, concurrency: CONCURRENCY.ofPair };
  const before = await readGates(gates.redis, gates.keys);
  const admissions = await Promise.all(
    Array.from({ length: count }, () => gates.come({ model, keys, modelLimits, isReturning, goesFirst, tokens })),
  );
  // The clock is Redis' own, and goes on while they come: what is stopped before and after was so all the time.
  const after = await readGates(gates.redis, gates.keys);
  const admitted = admissions.filter(({ admission }) => admission.kind === 'admitted');
  for (const { job, admission } of admissions) {
    if (admission.kind === 'gated') {
      expect(Number.isInteger(admission.delayMs)).toBe(true);
      expect(admission.delayMs).toBeGreaterThan(0);
    }
    if (admission.kind !== 'admitted') continue;
    const key = `alpha#${admission.key}`;
    const passed = [key, `${key}|${model}`, CIRCUIT.replace('sim/small', model)];
    expect(passed.filter((name) => isIn('stopped', name, before) && isIn('stopped', name, after))).toEqual([]);
    open.set(job, { key, pair: `${key}|${model}` });
  }
  if (isIn('trying', CIRCUIT.replace('sim/small', model), before)) expect(admitted.length).toBeLessThanOrEqual(1);
}

function isIn(state: GateStatus['state'], name: string, gates: readonly GateStatus[]): boolean {
  return gates.some((gate) => gate.name === name && gate.state === state);
}

async function expectCounted(gates: GateLaboratory, open: Open): Promise<void> {
  const counted = new Map<string, number>();
  for (const gate of await readGates(gates.redis, gates.keys)) {
    if (gate.key !== undefined) counted.set(gate.name, gate.inflight);
  }
  const underWay = new Map([...counted.keys()].map((name) => [name, 0]));
  for (const { key, pair } of open.values()) {
    for (const name of [key, pair]) underWay.set(name, (underWay.get(name) ?? 0) + 1);
  }
  expect(counted).toEqual(underWay);
  for (const [name, count] of counted) {
    expect(count).toBeLessThanOrEqual(name.includes('|') ? CONCURRENCY.ofPair : CONCURRENCY.ofKey);
  }
  expect(await gates.ledger.openAttempts()).toBe(open.size);
}
