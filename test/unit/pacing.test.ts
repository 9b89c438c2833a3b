import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { benchPacing } from '../../bench/routing/pacing.ts';
import { costPressure } from '../../src/domain/pacing.ts';
import type { PacedPurse } from '../../src/store/paced-purses.ts';
import { createPacer } from '../../src/workers/pacing.ts';
import { configOf, NOW } from './router-fixture.ts';

const share = fc.double({ min: 0, max: 1, noNaN: true });

describe('the pressure of a budget', () => {
  test('is 1 while money goes as evenly as time, and while nothing is spent', () => {
    for (const even of [0.1, 0.25, 0.5]) expect(costPressure(even, even)).toBeCloseTo(1, 0);
    expect(costPressure(0, 0.7)).toBe(1);
    expect(costPressure(Number.NaN, 0.5)).toBe(1);
  });

  test('stays within its bounds, also past the limit and past the window', () => {
    const any = fc.double({ min: -1, max: 3, noNaN: true });
    fc.assert(
      fc.property(any, any, (spent, elapsed) => {
        const pressure = costPressure(spent, elapsed);
        expect(pressure).toBeGreaterThanOrEqual(1 / 4);
        expect(pressure).toBeLessThanOrEqual(16);
      }),
    );
    expect(costPressure(1, 0.5)).toBe(16);
    expect(costPressure(Infinity, 0.5)).toBe(16);
  });

  test('grows with what is spent, and falls as time goes by', () => {
    fc.assert(
      fc.property(share, share, share, (one, two, fixed) => {
        const [less, more] = one < two ? [one, two] : [two, one];
        fc.pre(less > 0);
        expect(costPressure(more, fixed)).toBeGreaterThanOrEqual(costPressure(less, fixed));
        fc.pre(fixed > 0);
        expect(costPressure(fixed, more)).toBeLessThanOrEqual(costPressure(fixed, less));
      }),
    );
  });
});

test('a budget that would end at half time lasts for its window, for little quality', () => {
  const { unpaced, paced, hindsight } = benchPacing();
  expect(unpaced.serviceShare).toBeLessThan(0.55);
  expect(paced.serviceShare).toBe(1);
  expect(paced.spentUsd).toBeGreaterThan(90);
  expect(paced.meanScore).toBeGreaterThan(unpaced.meanScore - 0.02);
  expect(paced.meanScoreOfAll).toBeGreaterThan(hindsight.meanScoreOfAll - 0.01);
});

describe('a pacer', () => {
  const budgets = configOf({
    budgets: {
      all: { limit_usd: 100, window: 'day', pace: true },
      each: { limit_usd: 10, window: 'day', per: 'account', pace: true, task: 'coding' },
      other: { limit_usd: 1, window: 'day' },
    },
  }).budgets;
  const job = { task: null, account: 'ann' };

  function pacerOver(spentUsd: Record<string, number>) {
    const asked: string[][] = [];
    let time = NOW;
    const pacer = createPacer({
      budgets,
      now: () => time,
      read: async (purses: readonly PacedPurse[]) => {
        asked.push(purses.map(({ purse }) => purse));
        return purses.map(({ purse, limitNanos }) => ({ spentNanos: (spentUsd[purse] ?? 0) * 1e9, limitNanos }));
      },
    });
    return { pacer, asked, wait: (ms: number) => (time += ms) };
  }

  test('presses for the budgets that cover the job, as of the last look', async () => {
    const { pacer } = pacerOver({ all: 80, 'each/ann': 1 });
    expect(pacer.pressureFor(job)).toBe(1);
    await pacer.refresh();
    // Four fifths at noon: (0.82 / 0.2) ** 2.
    expect(pacer.pressureFor(job)).toBeCloseTo(16, 0);
  });

  test('the budget in the greatest need counts', async () => {
    const { pacer } = pacerOver({ all: 40, 'each/ann': 6, 'each/bob': 1 });
    const [ann, bob] = ['ann', 'bob'].map((account) => ({ task: 'coding', account }));
    for (const each of [ann, bob]) if (each) pacer.pressureFor(each);
    await pacer.refresh();
    const [ofAnn, ofBob, without] = [ann, bob, job].map((each) => (each ? pacer.pressureFor(each) : 0));
    expect(ofAnn).toBeGreaterThan(1.5);
    expect(ofBob).toBeLessThan(1);
    expect(without).toBe(ofBob);
  });

  test('looks at nothing that nobody asked about lately', async () => {
    const { pacer, asked, wait } = pacerOver({});
    await pacer.refresh();
    expect(asked).toEqual([]);
    pacer.pressureFor({ task: 'coding', account: 'ann' });
    wait(59_000);
    pacer.pressureFor(job);
    await pacer.refresh();
    wait(2_000);
    await pacer.refresh();
    expect(asked).toEqual([['each/ann', 'all'], ['all']]);
  });

  test('keeps at most a thousand accounts in view', async () => {
    const { pacer, asked } = pacerOver({});
    for (let account = 0; account < 1_500; account += 1) pacer.pressureFor({ task: 'coding', account: `a${account}` });
    await pacer.refresh();
    expect(asked[0]).toHaveLength(1_000);
    expect(asked[0]).toContain('each/a1499');
  });
});

describe('pacing is refused', () => {
  test.each([
    [{ window: 'total' }, /without a window/],
    [{ window: 'day', per: 'user' }, /only a budget for all, or per account/],
    [{ window: 'day', model: 'mid' }, /only a budget for all, or per account/],
    [{ window: 'day', provider: 'east' }, /only a budget for all, or per account/],
  ] as const)('for %j', (budget, message) => {
    expect(() => configOf({ budgets: { a: { limit_usd: 1, pace: true, ...budget } } })).toThrow(message);
  });
  test('not for a soft budget, which has no other means', () => {
    expect(() => configOf({ budgets: { a: { limit_usd: 1, window: 'day', soft: true, pace: true } } })).not.toThrow();
  });
});
