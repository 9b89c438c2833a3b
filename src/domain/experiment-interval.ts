import type { Moments } from './evidence.ts';

export type Interval = { low: number; high: number };

/** After about so many outcomes the intervals are as narrow as they can be made. */
const TUNED_TO = 100;

/**
 * Where the mean is, by intervals of which all together, after every number of outcomes, hold it with probability
 * 1 - alpha: a confidence sequence, so that it may be looked at any time. Robbins' normal mixture for a sum whose
 * deviations are sub-Gaussian with `deviation` (Robbins 1970). Exact for figures that are bounded, with half the width of
 * their range; with the standard deviation of the figures themselves it holds for many of them (Waudby-Smith and others
 * 2024, "Time-uniform central limit theory and asymptotic confidence sequences").
 */
function confidenceSequence({ n, sum }: Moments, deviation: number, alpha: number): Interval {
  const rate = (-2 * Math.log(alpha) + Math.log(1 - 2 * Math.log(alpha))) / TUNED_TO;
  const scale = n * rate + 1;
  const width = deviation * Math.sqrt(((2 * scale) / (n * n * rate)) * Math.log(Math.sqrt(scale) / alpha));
  return { low: sum / n - width, high: sum / n + width };
}

/** For scores, which are from 0 to 1. */
export function scoreInterval(scores: Moments, alpha: number): Interval {
  if (scores.n === 0) return { low: 0, high: 1 };
  const { low, high } = confidenceSequence(scores, 0.5, alpha);
  return { low: Math.max(0, low), high: Math.min(1, high) };
}

/** So many amounts are enough for their own deviation to be known well. */
const LEAST_AMOUNTS = 20;

/** For amounts that have no upper bound; undefined while they are too few. */
export function amountInterval(amounts: Moments, alpha: number): Interval | undefined {
  const { n, sum, squares } = amounts;
  if (n < LEAST_AMOUNTS) return undefined;
  const variance = Math.max(0, squares - (sum * sum) / n) / (n - 1);
  const { low, high } = confidenceSequence(amounts, Math.sqrt(variance), alpha);
  return { low: Math.max(0, low), high };
}
