import * as fc from 'fast-check';
import { expect } from 'vitest';
import { windowId } from '../../src/domain/budget.ts';
import { type Ledger, createLedger } from '../../src/store/ledger.ts';
import type { Stores } from './harness.ts';
import { admitRequest, answeredAttempt, attemptId, failedAttempt, refusal } from './ledger-steps.ts';
import { PaperLedger } from './paper-ledger.ts';

const job = fc.integer({ min: 0, max: 3 });
const amount = fc.integer({ min: 0, max: 400 });
/** Which of the job's starts: 0 is the newest. */
const start = fc.integer({ min: 0, max: 2 });
export const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('admit' as const),
      job,
      hold: amount,
      isRepeat: fc.boolean(),
      expiresInMs: fc.constantFrom(0, 1_800_000),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('send' as const), job, start }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('settle' as const), job, start, cost: amount, ends: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('give back' as const), job, start }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('history' as const), job, start: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('refuse' as const, 'reap' as const, 'restart' as const), job }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass an hour' as const), job, half: fc.boolean() }) },
);
export type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const LIMIT = 1_000;
const HOUR_MS = 3_600_000;

/** One run of steps, on the ledger's scripts and on paper. Time stands at the middle of an hour and moves by hand. */
export class LedgerPlay {
  readonly #stores: Stores;
  readonly #paper = new PaperLedger(LIMIT);
  /** By job: its starts that were admitted; only those can do anything. */
  readonly #admitted = new Map<number, { start: number; hold: number; expiresInMs: number }[]>();
  readonly #starts = new Map<number, number>();
  readonly #hours = new Set<string>();
  #shownMs = Date.parse('2026-12-31T21:30:00Z');
  #ledger: Ledger | undefined;

  readonly #restart: () => Promise<unknown>;

  /** `restart`: what is to happen to the server between two steps; it is told that the scripts are gone. */
  constructor(stores: Stores, restart: () => Promise<unknown>) {
    this.#stores = stores;
    this.#restart = restart;
  }

  async all(steps: readonly Step[]): Promise<void> {
    await this.#setClock(0);
    for (const each of steps) {
      await this.#take(each);
      await this.#expectSame();
    }
  }

  /** The server's own clock runs on for the moments that a run takes; nothing here is that close to an edge. */
  async #setClock(byMs: number): Promise<void> {
    this.#shownMs += byMs;
    const [seconds] = await this.#stores.redis.time();
    const clockShiftMs = this.#shownMs - Number(seconds) * 1_000;
    this.#ledger = createLedger(this.#stores.redis, this.#stores.keys, { resultTtlMs: 86_400_000, clockShiftMs });
    this.#hours.add(windowId('hour', this.#shownMs));
  }

  async #take(each: Step): Promise<void> {
    const ledger = this.#ledger ?? this.#stores.ledger;
    const name = `job-${each.job}`;
    const chosen = 'start' in each ? this.#admitted.get(each.job)?.at(-1 - each.start) : undefined;
    const attempt = chosen && { job: name, start: chosen.start };
    switch (each.kind) {
      case 'admit':
        return this.#admit(ledger, name, each);
      case 'send':
        if (!attempt) return;
        expect(await ledger.markSent(name, attemptId(attempt))).toBe(this.#paper.markSent(name, attemptId(attempt)));
        return;
      case 'settle': {
        if (!attempt) return;
        const settled = { ...attempt, cost: each.cost };
        await ledger.settle(each.ends ? answeredAttempt(settled) : failedAttempt(settled));
        return this.#paper.settle(name, attemptId(attempt), each.cost, each.ends);
      }
      case 'give back':
        if (!attempt) return;
        await ledger.settle({ jobId: name, unsent: attemptId(attempt) });
        return this.#paper.giveBack(name, attemptId(attempt));
      case 'history': {
        const asking = attemptId({ job: name, start: each.start });
        const { result } = await ledger.history(name, asking);
        this.#paper.history(name, asking);
        expect(result !== undefined).toBe(this.#paper.ended.has(name));
        return;
      }
      case 'refuse':
        await ledger.settle(refusal({ job: name }));
        this.#paper.ended.add(name);
        return;
      case 'reap':
        expect(await ledger.reap()).toBe(this.#paper.reap(this.#shownMs));
        return;
      case 'pass an hour':
        return this.#setClock(each.half ? HOUR_MS / 2 - 60_000 : HOUR_MS);
      case 'restart':
        await this.#restart();
    }
  }

  async #admit(ledger: Ledger, name: string, each: Extract<Step, { kind: 'admit' }>): Promise<void> {
    const known = this.#admitted.get(each.job) ?? [];
    const last = known.at(-1);
    const isRepeat = each.isRepeat && last !== undefined;
    const { start, hold, expiresInMs } = isRepeat
      ? last
      : { start: (this.#starts.get(each.job) ?? 0) + 1, hold: each.hold, expiresInMs: each.expiresInMs };
    // A worker asks again only for what it has not gone on with; its first answer was lost.
    if (isRepeat && this.#paper.open.get(name) !== attemptId({ job: name, start })) return;
    if (!isRepeat) this.#starts.set(each.job, start);
    const claim = { window: 'hour' } as const;
    const admission = await ledger.admit(admitRequest({ job: name, start, hold, limit: LIMIT, claim, expiresInMs }));
    const window = windowId('hour', this.#shownMs);
    const expiresAt = this.#shownMs + expiresInMs;
    expect(admission.kind).toBe(this.#paper.admit(name, attemptId({ job: name, start }), { hold, window, expiresAt }));
    if (admission.kind === 'admitted' && !isRepeat)
      this.#admitted.set(each.job, [...known, { start, hold, expiresInMs }]);
  }

  async #expectSame(): Promise<void> {
    const { ledger, usage, redis, keys } = this.#stores;
    let spent = 0;
    for (const hour of this.#hours) {
      const sums = this.#paper.sums(hour);
      expect(await ledger.budget('all', hour)).toEqual(sums);
      spent += sums.spentNanos;
    }
    expect(await ledger.openAttempts()).toBe(this.#paper.open.size);
    expect(await redis.hlen(keys.sent)).toBe([...this.#paper.held.values()].filter(({ isSent }) => isSent).length);
    const records = await usage();
    expect(records.reduce((sum, record) => sum + record.cost_nanos, 0)).toBe(spent);
    const own = records.filter((record) => record.outcome !== 'correction').map((record) => record.attempt_id);
    expect(own.toSorted()).toEqual([...this.#paper.charged.keys()].toSorted());
  }
}
