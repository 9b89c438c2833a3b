import { expect, test } from 'vitest';
import { LOG_MISMATCH, logMismatch } from '../../src/domain/sample-ratio.ts';
import { seededRandom } from './router-fixture.ts';

/** After how many units it is raised; undefined when it is not. */
function raisedAfter(shares: readonly number[], weights: readonly number[], units: number, random: () => number) {
  const counts = weights.map(() => 0);
  for (let unit = 1; unit <= units; unit += 1) {
    let rest = random();
    const kind = shares.findIndex((share) => (rest -= share) < 0);
    counts[kind] = (counts[kind] ?? 0) + 1;
    if (logMismatch(counts, weights) >= LOG_MISMATCH) return unit;
  }
  return undefined;
}

test('units in proportion to the weights raise nothing, looked at after each of them', () => {
  const random = seededRandom(11);
  for (let run = 0; run < 200; run += 1) {
    expect(raisedAfter([0.9, 0.1], [90, 10], 2_000, random)).toBeUndefined();
  }
});

test.each([
  ['one variant gets none', [1, 0], [1, 1], 40],
  ['60 : 40 instead of 50 : 50', [0.6, 0.4], [1, 1], 2_500],
  ['a third that loses a quarter of its units', [0.3636, 0.3636, 0.2728], [1, 1, 1], 4_000],
])('%s', (_what, shares, weights, within) => {
  const random = seededRandom(12);
  for (let run = 0; run < 20; run += 1) expect(raisedAfter(shares, weights, within, random)).toBeDefined();
});

test('a fault a hundred units ago is evidence enough, whatever the weights are measured in', () => {
  expect(logMismatch([400, 100], [10, 10])).toBeGreaterThan(LOG_MISMATCH);
  expect(logMismatch([400, 100], [10, 10])).toBeCloseTo(logMismatch([400, 100], [0.25, 0.25]), 8);
  expect(logMismatch([400, 100], [4, 1])).toBeLessThan(0);
});
