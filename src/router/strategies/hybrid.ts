import type { Candidate } from '../candidates.ts';
import type { Utility } from './utility.ts';

/**
 * Quality, cost and latency in one number from 0 to 1, where 1 is a model that is the best of the survivors in all three.
 *
 * Each is first brought to 0..1 over the survivors, 0 for the best and 1 for the worst (0 for all when they are equal), so
 * that the weights mean the same for cheap jobs and for dear ones. Cost and latency on a logarithmic scale: twice as dear
 * is the same step everywhere, and one very dear model does not make all others look alike.
 */
export const hybridUtility: Utility = (survivors, { weights }) => {
  const quality = new Float64Array(survivors.length);
  const cost = new Float64Array(survivors.length);
  const latency = new Float64Array(survivors.length);
  for (let index = 0; index < survivors.length; index += 1) {
    const { predicted } = survivors[index] as Candidate;
    quality[index] = -predicted.score;
    cost[index] = logOf(predicted.costNanos);
    latency[index] = logOf(predicted.latencyMs);
  }
  const total = weights.quality + weights.cost + weights.latency || 1;
  const utilities = new Float64Array(survivors.length).fill(1);
  subtractPenalties(utilities, quality, weights.quality / total);
  subtractPenalties(utilities, cost, weights.cost / total);
  subtractPenalties(utilities, latency, weights.latency / total);
  return utilities;
};

/** Takes `weight` from the one with the largest value, nothing from the one with the least, and a part from the others. */
function subtractPenalties(utilities: Float64Array, values: Float64Array, weight: number): void {
  let least = Infinity;
  let most = -Infinity;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] as number;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (most === least) return;
  const factor = weight / (most - least);
  for (let index = 0; index < values.length; index += 1) {
    utilities[index] = (utilities[index] as number) - factor * ((values[index] as number) - least);
  }
}

/** Free and instant have no logarithm; below one nano-dollar or one millisecond there is no difference that counts. */
function logOf(amount: number): number {
  return Math.log(Math.max(1, amount));
}
