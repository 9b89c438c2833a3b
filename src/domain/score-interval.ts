import type { Moments } from './evidence.ts';
import { wilsonInterval } from './statistics.ts';

/** A score that is neither good nor bad counts this much for how far scores are spread, so that two that agree prove little. */
const COIN_SCORES = 4;

/**
 * Mean and 95 % interval of scores from 0 to 1; undefined where there are none. Scores of 0 and 1 have Wilson's interval.
 * Those in between are spread less than coins of their mean, and so many of them tell as much as more coins would; how
 * much less is drawn towards not at all where there are few.
 */
export function intervalOfScores(
  moments: Moments | undefined,
): { mean: number; low: number; high: number } | undefined {
  if (moments === undefined || moments.n <= 0) return undefined;
  const { n, sum, squares } = moments;
  const mean = Math.min(1, Math.max(0, sum / n));
  const ofCoins = mean * (1 - mean);
  const seen = Math.min(ofCoins, Math.max(0, squares / n - mean * mean));
  const spread = (n * seen + COIN_SCORES * ofCoins) / (n + COIN_SCORES);
  const coins = spread > 0 ? n * (ofCoins / spread) : n;
  return { mean, ...wilsonInterval(mean * coins, coins) };
}
