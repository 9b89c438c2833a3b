import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aiqOf, apgrOf, callCurveOf, cptOf, deviationOf, type Gain, hullOf } from '../../bench/routing/metrics.ts';

describe('the hull of costs and accuracies', () => {
  it('leaves out what a mix of two others does better', () => {
    const points = [
      { cost: 5, accuracy: 0.9 },
      { cost: 3, accuracy: 0.6 },
      { cost: 1, accuracy: 0.5 },
    ];
    expect(hullOf(points)).toEqual([
      { cost: 1, accuracy: 0.5 },
      { cost: 5, accuracy: 0.9 },
    ]);
    expect(aiqOf(points, { from: 1, to: 5 })).toBeCloseTo(0.7, 12);
  });

  it('never goes down: a dearer point that is worse counts like the best before it', () => {
    const points = [
      { cost: 1, accuracy: 0.5 },
      { cost: 5, accuracy: 0.9 },
      { cost: 6, accuracy: 0.8 },
    ];
    expect(aiqOf(points, { from: 1, to: 6 })).toBeCloseTo((4 * 0.7 + 1 * 0.9) / 5, 12);
  });

  it('bends where each further dollar buys less', () => {
    const points = [
      { cost: 1, accuracy: 0.5 },
      { cost: 2, accuracy: 0.8 },
      { cost: 5, accuracy: 0.9 },
    ];
    expect(aiqOf(points, { from: 1, to: 5 })).toBeCloseTo((1 * 0.65 + 3 * 0.85) / 4, 12);
  });

  it('counts only what lies between the two costs', () => {
    const points = [
      { cost: 0, accuracy: 0.4 },
      { cost: 2, accuracy: 0.8 },
    ];
    expect(aiqOf(points, { from: 1, to: 3 })).toBeCloseTo((1 * 0.7 + 1 * 0.8) / 2, 12);
  });

  it('holds every point under it, in whatever order they come', () => {
    const point = fc.record({ cost: fc.integer({ min: 0, max: 50 }), accuracy: fc.integer({ min: 0, max: 100 }) });
    fc.assert(
      fc.property(fc.array(point, { minLength: 1 }), (points) => {
        const hull = hullOf(points);
        expect(hullOf(points.toReversed())).toEqual(hull);
        for (const { cost, accuracy } of points) expect(heightAt(hull, cost)).toBeGreaterThanOrEqual(accuracy - 1e-9);
      }),
    );
  });
});

function heightAt(hull: readonly { cost: number; accuracy: number }[], cost: number): number {
  const right = hull.findIndex((point) => point.cost >= cost);
  const [before, after] = [hull[right - 1], hull[right]];
  if (after === undefined) return hull.at(-1)?.accuracy ?? Number.NaN;
  if (before === undefined) return after.accuracy;
  const part = (cost - before.cost) / (after.cost - before.cost);
  return before.accuracy + part * (after.accuracy - before.accuracy);
}

describe('calls of the strong model', () => {
  const gains: Gain[] = [
    { predicted: -0.2, weak: 1, strong: 0 },
    { predicted: 0.9, weak: 0, strong: 1 },
    { predicted: 0.1, weak: 0, strong: 1 },
    { predicted: 0.5, weak: 1, strong: 1 },
  ];

  it('go first where most is gained', () => {
    expect(callCurveOf(gains)).toEqual([
      { share: 0, gained: 0 },
      { share: 0.25, gained: 1 },
      { share: 0.5, gained: 1 },
      { share: 0.75, gained: 2 },
      { share: 1, gained: 1 },
    ]);
  });

  it('are summed up by the area under the curve, and by the share that half and most of the gap takes', () => {
    const curve = callCurveOf(gains);
    expect(apgrOf(curve)).toBeCloseTo(0.25 * (0.5 + 1 + 1.5 + 1.5), 12);
    expect(cptOf(curve, 0.5)).toBeCloseTo(0.125, 12);
    expect(cptOf(curve, 0.8)).toBeCloseTo(0.2, 12);
  });

  it('are as good as chance where nothing is told apart', () => {
    const curve = callCurveOf(gains.map((gain) => ({ ...gain, predicted: 0.3 })));
    expect(apgrOf(curve)).toBeCloseTo(0.5, 12);
    expect(cptOf(curve, 0.5)).toBeCloseTo(0.5, 12);
  });
});

it('takes the deviation of a sample', () => {
  expect(deviationOf([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12);
  expect(deviationOf([3])).toBe(0);
});
