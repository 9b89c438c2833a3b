import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Stores, openStores } from '../support/harness.ts';
import { admitRequest, answeredAttempt, failedAttempt, refusal } from '../support/ledger-steps.ts';

/** What a person would keep on paper: per attempt what is held for it, or what it was charged. */
class PaperLedger {
  readonly limit: number;
  readonly held = new Map<string, number>();
  readonly charged = new Map<string, { amount: number; isFinal: boolean }>();
  readonly open = new Map<string, string>();
  readonly ended = new Set<string>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get heldSum(): number {
    return [...this.held.values()].reduce((sum, amount) => sum + amount, 0);
  }

  get spentSum(): number {
    return [...this.charged.values()].reduce((sum, { amount }) => sum + amount, 0);
  }

  writeOff(job: string): void {
    const attempt = this.open.get(job);
    if (attempt === undefined) return;
    this.charged.set(attempt, { amount: this.held.get(attempt) ?? 0, isFinal: false });
    this.held.delete(attempt);
    this.open.delete(job);
  }

  admit(job: string, attempt: string, hold: number): string {
    if (this.open.get(job) === attempt) return 'admitted';
    this.writeOff(job);
    if (this.ended.has(job)) return 'done';
    if (this.spentSum + this.heldSum + hold > this.limit) return 'denied';
    this.held.set(attempt, hold);
    this.open.set(job, attempt);
    return 'admitted';
  }

  settle(job: string, attempt: string, cost: number, ends: boolean): void {
    if (this.open.get(job) === attempt) {
      this.held.delete(attempt);
      this.open.delete(job);
      this.charged.set(attempt, { amount: cost, isFinal: true });
    } else if (this.charged.get(attempt)?.isFinal === false) {
      this.charged.set(attempt, { amount: cost, isFinal: true });
    }
    if (ends) this.ended.add(job);
  }
}

type Step =
  | { kind: 'admit'; job: number; hold: number; isRepeat: boolean }
  | { kind: 'settle'; job: number; start: number; cost: number; ends: boolean }
  | { kind: 'history' | 'refuse' | 'flush'; job: number };

const job = fc.integer({ min: 0, max: 3 });
const amount = fc.integer({ min: 0, max: 400 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('admit'), job, hold: amount, isRepeat: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('settle'),
      job,
      start: fc.integer({ min: 0, max: 2 }),
      cost: amount,
      ends: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('history'), job }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('refuse', 'flush'), job }) },
) as fc.Arbitrary<Step>;

const LIMIT = 1_000;

test('whatever is admitted, settled, repeated and written off in whatever order, the sums are those of the model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const stores = openStores();
      try {
        await play(stores, steps);
      } finally {
        await stores.close();
      }
    }),
    { numRuns: 250, interruptAfterTimeLimit: 8_000 },
  );
});

async function play(stores: Stores, steps: readonly Step[]): Promise<void> {
  const { ledger } = stores;
  const paper = new PaperLedger(LIMIT);
  // The attempts that were admitted, by job: only those can be settled.
  const admitted = new Map<number, { start: number; hold: number }[]>();
  const starts = new Map<number, number>();
  for (const each of steps) {
    const name = `job-${each.job}`;
    const known = admitted.get(each.job) ?? [];
    if (each.kind === 'admit') {
      const last = known.at(-1);
      const isRepeat = each.isRepeat && last !== undefined && last.start === starts.get(each.job);
      const start = isRepeat ? last.start : (starts.get(each.job) ?? 0) + 1;
      const hold = isRepeat ? last.hold : each.hold;
      starts.set(each.job, start);
      if (isRepeat && paper.open.get(name) !== `${name}:${start}`) continue;
      const admission = await ledger.admit(admitRequest({ job: name, start, hold, limit: LIMIT }));
      expect(admission.kind).toBe(paper.admit(name, `${name}:${start}`, hold));
      if (admission.kind === 'admitted' && !isRepeat) admitted.set(each.job, [...known, { start, hold }]);
    } else if (each.kind === 'settle') {
      const attempt = known.at(-1 - each.start);
      if (attempt === undefined) continue;
      const settled = { job: name, start: attempt.start, cost: each.cost };
      await ledger.settle(each.ends ? answeredAttempt(settled) : failedAttempt(settled));
      paper.settle(name, `${name}:${attempt.start}`, each.cost, each.ends);
    } else if (each.kind === 'history') {
      const { result } = await ledger.history(name);
      paper.writeOff(name);
      expect(result !== undefined).toBe(paper.ended.has(name));
    } else if (each.kind === 'refuse') {
      await ledger.settle(refusal({ job: name }));
      paper.ended.add(name);
    } else {
      await stores.redis.script('FLUSH');
    }
    await expectSame(stores, paper);
  }
}

async function expectSame({ ledger, usage }: Stores, paper: PaperLedger): Promise<void> {
  expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: paper.spentSum, heldNanos: paper.heldSum });
  expect(await ledger.openAttempts()).toBe(paper.open.size);
  const records = await usage();
  expect(records.reduce((sum, record) => sum + record.cost_nanos, 0)).toBe(paper.spentSum);
  const own = records.filter((record) => record.outcome !== 'correction').map((record) => record.attempt_id);
  expect(own.toSorted()).toEqual([...paper.charged.keys()].toSorted());
}

test('the sums hold for costs up to a million dollars, to the nano-dollar', async () => {
  const stores = openStores();
  const { ledger, usage } = stores;
  const million = 1_000_000 * 1e9;
  await ledger.admit(admitRequest({ job: 'a', hold: million - 1, limit: 2 * million }));
  await ledger.history('a');
  await ledger.settle(answeredAttempt({ job: 'a', cost: 3 }));
  expect((await usage()).map((record) => record.cost_nanos)).toEqual([million - 1, 4 - million]);
  expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 3, heldNanos: 0 });
  await stores.close();
});
