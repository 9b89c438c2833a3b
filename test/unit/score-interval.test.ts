import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Moments, withFigure } from '../../src/domain/evidence.ts';
import { intervalOfScores } from '../../src/domain/score-interval.ts';
import { wilsonInterval } from '../../src/domain/statistics.ts';

function momentsOf(scores: readonly number[], decay = 1): Moments | undefined {
  return scores.reduce<Moments | undefined>((moments, score) => withFigure(moments, score, decay), undefined);
}

function agreeing(count: number): number[] {
  return Array<number>(count).fill(0.5);
}

function coins(count: number): number[] {
  return agreeing(count).map((_, index) => index % 2);
}

function widthOf(scores: readonly number[]): number {
  const { low, high } = intervalOfScores(momentsOf(scores)) ?? { low: 0, high: 1 };
  return high - low;
}

describe('the interval of scores', () => {
  test('is nothing where there are none', () => {
    expect(intervalOfScores(undefined)).toBeUndefined();
    expect(intervalOfScores({ n: 0, sum: 0, squares: 0 })).toBeUndefined();
  });

  test('is that of Wilson for right and wrong', () => {
    for (const [right, wrong] of [
      [7, 3],
      [10, 0],
      [0, 4],
    ] as const) {
      const scores = [...Array<number>(right).fill(1), ...Array<number>(wrong).fill(0)];
      const { low, high } = wilsonInterval(right, right + wrong);
      const interval = intervalOfScores(momentsOf(scores));
      expect(interval?.low).toBeCloseTo(low, 9);
      expect(interval?.high).toBeCloseTo(high, 9);
    }
  });

  test('is narrower for scores that agree, but not by much for a few of them', () => {
    expect(widthOf(agreeing(200)) / widthOf(coins(200))).toBeLessThan(0.2);
    expect(widthOf(agreeing(2)) / widthOf(coins(2))).toBeGreaterThan(0.8);
  });

  test('covers the mean of what it was drawn from in about 95 of 100 samples', () => {
    // Of two sheets of a grader: 0.2, 0.6 and 1, as often as each other. Seeded.
    let state = 7;
    const draw = (): number => ((state = (state * 48_271) % 2_147_483_647), [0.2, 0.6, 1][state % 3] ?? 0);
    let covered = 0;
    for (let sample = 0; sample < 2_000; sample += 1) {
      const { low = 1, high = 0 } = intervalOfScores(momentsOf(Array.from({ length: 30 }, draw))) ?? {};
      if (low <= 0.6 && high >= 0.6) covered += 1;
    }
    expect(covered / 2_000).toBeGreaterThan(0.94);
    expect(covered / 2_000).toBeLessThan(0.985);
  });

  test('lies between 0 and 1 around the mean, whatever was given', () => {
    const scores = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(scores, fc.constantFrom(1, 0.998, 0.9), (given, decay) => {
        const { mean, low, high } = intervalOfScores(momentsOf(given, decay)) ?? { mean: -1, low: 0, high: 0 };
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(mean + 1e-9);
        expect(high).toBeGreaterThanOrEqual(mean - 1e-9);
        expect(high).toBeLessThanOrEqual(1);
      }),
    );
  });
});
