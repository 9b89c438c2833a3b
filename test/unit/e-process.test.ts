import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logEvidence, logGamma, logSignEvidence } from '../../src/domain/e-process.ts';
import { seededRandom } from './router-fixture.ts';

describe('the logarithm of the gamma function', () => {
  test.each([
    [0.5, Math.log(Math.PI) / 2],
    [1, 0],
    [2, 0],
    [7, Math.log(720)],
    [10.5, 13.940625219403763],
    [171, 706.5730622457875],
    [1e6, 12815504.569147611],
  ])('of %d', (x, expected) => {
    expect(logGamma(x)).toBeCloseTo(expected, x > 1_000 ? 6 : 11);
  });
});

describe('the evidence of wins and losses', () => {
  test('is Beta(w + 1, l + 1) 2^(w + l)', () => {
    expect(Math.exp(logSignEvidence(0, 0))).toBeCloseTo(1, 12);
    expect(Math.exp(logSignEvidence(1, 0))).toBeCloseTo(1, 12);
    // 3! 1! / 5! * 2^4
    expect(Math.exp(logSignEvidence(3, 1))).toBeCloseTo((6 / 120) * 16, 12);
    expect(Math.exp(logSignEvidence(10, 0))).toBeCloseTo(1_024 / 11, 9);
  });

  test('is a martingale: what a pair adds by a win it takes by a loss, on average over both', () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.nat(5_000), (wins, losses) => {
        const now = logSignEvidence(wins, losses);
        const next = [logSignEvidence(wins + 1, losses), logSignEvidence(wins, losses + 1)];
        const average = next.reduce((sum, log) => sum + Math.exp(log - now), 0) / 2;
        expect(average).toBeCloseTo(1, 8);
      }),
    );
  });

  test('comes to 1 / alpha less often than alpha when there is nothing to find, looked at after every pair', () => {
    const random = seededRandom(7);
    const [runs, pairs, alpha] = [2_000, 400, 0.05];
    let found = 0;
    for (let run = 0; run < runs; run += 1) {
      const counts: [number, number] = [0, 0];
      for (let pair = 0; pair < pairs; pair += 1) {
        counts[random() < 0.5 ? 0 : 1] += 1;
        if (logSignEvidence(...counts) < Math.log(1 / alpha)) continue;
        found += 1;
        break;
      }
    }
    expect(found / runs).toBeLessThan(alpha);
    expect(found).toBeGreaterThan(0);
  });

  test('does not depend on which side is called the winner', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(10_000), (a, b) => {
        expect(logSignEvidence(a, b)).toBeCloseTo(logSignEvidence(b, a), 8);
      }),
    );
  });
});

test('the evidence of several kinds is what a bettor makes of 1 who forecasts each next one from those before', () => {
  const kind = fc.nat(2);
  fc.assert(
    fc.property(fc.array(kind, { maxLength: 200 }), (kinds) => {
      const shares = [0.5, 0.3, 0.2];
      const counts = [0, 0, 0];
      let capital = 0;
      for (const [seen, next] of kinds.entries()) {
        const forecast = (20 * (shares[next] ?? 0) + (counts[next] ?? 0)) / (20 + seen);
        capital += Math.log(forecast / (shares[next] ?? 0));
        counts[next] = (counts[next] ?? 0) + 1;
      }
      expect(logEvidence(counts, shares, 20)).toBeCloseTo(capital, 8);
    }),
  );
});
