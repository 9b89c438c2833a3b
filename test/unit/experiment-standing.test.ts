import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { ExperimentConfig } from '../../src/domain/experiment-config.ts';
import { type UnitEvent, type UnitState, withEvents } from '../../src/domain/experiment-fold.ts';
import { type Standing, newStanding, planOf, withOutcome, withUnit } from '../../src/domain/experiment-standing.ts';
import { verdictOf } from '../../src/domain/experiment-verdict.ts';
import { seededRandom } from './router-fixture.ts';

const planWith = (config: z.input<typeof ExperimentConfig>) => planOf(ExperimentConfig.parse(config));

const AB = planWith({ variants: { old: {}, new: {} } });
const ABC = planWith({ variants: { old: {}, b: {}, c: {} } });

function outcomes(plan: typeof AB, values: readonly (readonly [string, number])[]): Standing {
  return values.reduce(
    (standing, [variant, value], at) => withOutcome(standing, plan, { variant, value, at }),
    newStanding(plan),
  );
}

describe('pairs', () => {
  test('two neighbours of different sides are compared, ties are told apart, and the last one waits', () => {
    const standing = outcomes(AB, [
      ['old', 0.5],
      ['new', 0.7],
      ['new', 0.2],
      ['old', 0.4],
      ['old', 0.2],
      ['new', 0.2],
      ['old', 0.9],
    ]);
    expect(standing.comparisons['new']).toMatchObject({ wins: 1, losses: 1, ties: 1 });
    expect(standing.comparisons['new']?.waiting).toEqual([{ isControl: true, sum: 0.9 }]);
    expect(standing.arms['old']?.outcomes).toMatchObject({ n: 4 });
  });

  test('two of one side become a group, which is compared with one of the same size', () => {
    const two = outcomes(AB, [
      ['new', 0.5],
      ['new', 0.25],
      ['old', 0.25],
      ['old', 0.25],
    ]);
    expect(two.comparisons['new']).toMatchObject({ wins: 1, losses: 0, waiting: [null, null] });
    const four = outcomes(AB, [
      ...Array.from({ length: 4 }, () => ['old', 1] as const),
      ['new', 0],
      ['new', 1],
      ['new', 0],
    ]);
    expect(four.comparisons['new']).toMatchObject({ wins: 0, losses: 0 });
    expect(verdictOf(four, AB).variants[1]?.against?.waiting).toBe(7);
    const paired = withOutcome(four, AB, { variant: 'new', value: 1, at: 9 });
    expect(paired.comparisons['new']).toMatchObject({ wins: 0, losses: 1, waiting: [null, null, null] });
  });

  test('less of a cost or a latency is better', () => {
    for (const measure of ['cost', 'latency'] as const) {
      const plan = planWith({ measure, variants: { old: {}, new: {} } });
      const { comparisons } = outcomes(plan, [
        ['old', 10],
        ['new', 9],
        ['new', 11],
        ['old', 10],
      ]);
      expect(comparisons['new']).toMatchObject({ wins: 1, losses: 1 });
    }
  });

  test('every variant is compared with the first, which counts for each comparison', () => {
    const { comparisons } = outcomes(ABC, [
      ['old', 0.5],
      ['b', 0.6],
      ['c', 0.4],
      ['b', 0.9],
      ['old', 0.3],
    ]);
    expect(comparisons['b']).toMatchObject({ wins: 2, losses: 0, waiting: [null] });
    expect(comparisons['c']).toMatchObject({ wins: 0, losses: 1, waiting: [{ isControl: true, sum: 0.3 }] });
  });

  test('a variant that nobody is assigned to is no part of it', () => {
    const plan = planWith({ variants: { gone: { weight: 0 }, old: {}, new: {} } });
    expect(plan).toMatchObject({ variants: ['old', 'new'], evidenceNeeded: 20 });
    const before = newStanding(plan);
    expect(withOutcome(withUnit(before, plan, 'gone'), plan, { variant: 'gone', value: 1, at: 0 })).toBe(before);
  });
});

const wins = (variant: string, count: number): [string, number][] =>
  Array.from({ length: count }, (): [string, number][] => [
    ['old', 0.1],
    [variant, 0.9],
  ]).flat();

const against = (b: number, c: number): [string, number][] =>
  Array.from({ length: 9 }, (): [string, number][] => [
    ['old', 0.5],
    ['b', b],
    ['c', c],
  ]).flat();

describe('a decision', () => {
  test('is made at 1 / alpha, for A/B/n at so many times that as there are comparisons', () => {
    // 2^7 / 8 = 16 < 20 <= 2^8 / 9; 2^8 / 9 < 40 <= 2^9 / 10
    expect(outcomes(AB, wins('new', 7)).comparisons['new']?.decided).toBeUndefined();
    expect(outcomes(AB, wins('new', 8)).comparisons['new']?.decided).toEqual({ isBetter: true, pairs: 8, at: 15 });
    expect(outcomes(ABC, wins('b', 8)).comparisons['b']?.decided).toBeUndefined();
    expect(outcomes(ABC, wins('b', 9)).comparisons['b']?.decided).toMatchObject({ isBetter: true, pairs: 9 });
  });

  test('stands whatever comes later', () => {
    const losses = Array.from({ length: 30 }, (): [string, number][] => [
      ['old', 0.9],
      ['new', 0.1],
    ]).flat();
    const standing = outcomes(AB, [...wins('new', 8), ...losses]);
    expect(standing.comparisons['new']?.decided).toMatchObject({ isBetter: true, pairs: 8 });
    const { variants } = verdictOf(standing, AB);
    expect(variants[1]?.against?.sentence).toMatch(/^new is better than old, decided after 8 pairs: .*the opposite$/);
  });

  test('names the winner: the only better one, or the control when all are worse, else nobody', () => {
    const worse = (variant: string) => wins(variant, 9).map(([name, value]) => [name, 1 - value] as const);
    expect(verdictOf(outcomes(AB, wins('new', 8)), AB).winner).toBe('new');
    expect(verdictOf(outcomes(AB, worse('new')), AB).winner).toBe('old');
    expect(verdictOf(outcomes(AB, wins('new', 7)), AB).winner).toBeUndefined();
    expect(verdictOf(outcomes(ABC, against(0.9, 0.9)), ABC).winner).toBeUndefined();
    expect(verdictOf(outcomes(ABC, against(0.9, 0.1)), ABC).winner).toBe('b');
    expect(verdictOf(outcomes(ABC, against(0.1, 0.1)), ABC).winner).toBe('old');
  });

  test('is not trusted when outcomes do not come in proportion to the weights', () => {
    const lopsided = Array.from({ length: 60 }, () => ['new', 0.9] as const);
    const verdict = verdictOf(outcomes(AB, [...wins('new', 8), ...lopsided]), AB);
    expect(verdict).toMatchObject({ mismatch: ['outcomes'], evidenceNeeded: 20 });
    expect(verdict.winner).toBeUndefined();
  });
});

describe('looked at after every outcome, with nothing to find', () => {
  test.each([
    ['even weights', 0.5, 0],
    ['even weights, in an order that all but says the score', 0.5, 10],
    ['nine to one, in such an order', 0.9, 10],
  ])('%s: a difference is found less often than alpha', (_what, ofControl, drift) => {
    const random = seededRandom(31);
    const [runs, units] = [400, 600];
    let found = 0;
    for (let run = 0; run < runs; run += 1) {
      let standing = newStanding(AB);
      for (let unit = 0; unit < units; unit += 1) {
        const value = random() + drift * (unit / units);
        standing = withOutcome(standing, AB, { variant: random() < ofControl ? 'old' : 'new', value, at: unit });
      }
      if (standing.comparisons['new']?.decided !== undefined) found += 1;
    }
    expect(found / runs).toBeLessThan(0.05);
  });

  test('the intervals hold the mean all the time, but for alpha', () => {
    const random = seededRandom(32);
    let missed = 0;
    for (let run = 0; run < 300; run += 1) {
      let standing = newStanding(AB);
      for (let unit = 0; unit < 300; unit += 1) {
        standing = withOutcome(standing, AB, { variant: 'old', value: random() < 0.7 ? 1 : 0, at: unit });
        const { low = 0, high = 1 } = verdictOf(standing, AB).variants[0]?.interval ?? {};
        if (low <= 0.7 && 0.7 <= high) continue;
        missed += 1;
        break;
      }
    }
    expect(missed / 300).toBeLessThan(0.05);
  });

  test('an interval of amounts is told once there are enough of them, and none is below 0', () => {
    const plan = planWith({ measure: 'cost', variants: { old: {}, new: {} } });
    const costs = Array.from({ length: 200 }, (_, index) => ['old', 100 + (index % 3)] as const);
    expect(verdictOf(outcomes(plan, costs.slice(0, 19)), plan).variants[0]?.interval).toBeUndefined();
    const { low = 0, high = 0 } = verdictOf(outcomes(plan, costs), plan).variants[0]?.interval ?? {};
    expect([low, high].map(Math.round)).toEqual([101, 101]);
    expect(low).toBeLessThan(high);
  });
});

const event = (more: Partial<UnitEvent>): UnitEvent => ({
  unit: 'ann',
  variant: 'old',
  amount: 1,
  isLast: true,
  at: 0,
  ...more,
});

const fold = (events: readonly UnitEvent[]): [Standing, Map<string, UnitState>] => {
  const units = new Map<string, UnitState>();
  return [withEvents(newStanding(AB), AB, units, events), units];
};

describe('units', () => {
  test('count once, with their first outcome', () => {
    const [{ arms }] = fold([event({}), event({ amount: 0 }), event({ unit: 'bob', amount: 0 })]);
    expect(arms['old']).toEqual({ units: 2, outcomes: { n: 2, sum: 1, squares: 1 } });
  });

  test('what was spent in vain is part of what the answer cost', () => {
    const [{ arms }, units] = fold([
      event({ amount: 30, isLast: false }),
      event({ unit: 'bob', amount: 5, isLast: false }),
      event({ amount: 12 }),
    ]);
    expect(arms['old']).toMatchObject({ units: 2, outcomes: { n: 1, sum: 42 } });
    expect([...units.values()]).toEqual([
      { variant: 'old', amount: null },
      { variant: 'old', amount: 5 },
    ]);
  });

  test('stay with the variant in which they were seen first', () => {
    const [{ arms }] = fold([
      event({ isLast: false }),
      event({ variant: 'new' }),
      event({ variant: 'new', unit: 'bob' }),
    ]);
    expect(arms['old']).toMatchObject({ units: 1, outcomes: { n: 0 } });
    expect(arms['new']).toMatchObject({ units: 1, outcomes: { n: 1 } });
  });

  test('are counted up to a number, so that what is kept of them does not grow for ever', () => {
    const full = newStanding(AB);
    full.arms['old'] = { units: 99_999, outcomes: { n: 0, sum: 0, squares: 0 } };
    const units = new Map<string, UnitState>([['known', { variant: 'old', amount: 0 }]]);
    const events = [event({ unit: 'last' }), event({ unit: 'one too many' }), event({ unit: 'known' })];
    const { arms } = withEvents(full, AB, units, events);
    expect(arms['old']).toMatchObject({ units: 100_000, outcomes: { n: 2 } });
    expect([...units.keys()]).toEqual(['known', 'last']);
  });
});
