import type { Candidate } from '../candidates.ts';
import type { Utility } from './utility.ts';

/**
 * Quality, cost and latency in one number from 0 to 1, where 1 is a model that is the best of the survivors in all three.
 *
 * Each is first brought to a penalty of 0 (the best of the survivors) to 1 (the worst; 0 for all when they are equal), so
 * that the weights mean the same for cheap jobs and for dear ones. Cost and latency on a logarithmic scale: twice as dear
 * is the same step everywhere, and one very dear model does not make all others look alike.
 */
export const hybridUtility: Utility = (survivors, { weights }) => {
  const ranges = rangesOf(survivors);
  const total = weights.quality + weights.cost + weights.latency || 1;
  const qualityStep = stepOf(ranges.leastScore, ranges.mostScore, weights.quality / total);
  const leastCostLog = logOf(ranges.leastCostNanos);
  const costStep = stepOf(leastCostLog, logOf(ranges.mostCostNanos), weights.cost / total);
  const leastLatencyLog = logOf(ranges.leastLatencyMs);
  const latencyStep = stepOf(leastLatencyLog, logOf(ranges.mostLatencyMs), weights.latency / total);
  return survivors.map(
    ({ predicted }) =>
      1 -
      qualityStep * (ranges.mostScore - predicted.score) -
      costStep * (logOf(predicted.costNanos) - leastCostLog) -
      latencyStep * (logOf(predicted.latencyMs) - leastLatencyLog),
  );
};

/** What one unit of distance from the best costs, so that the whole range costs the weight. */
function stepOf(least: number, most: number, weight: number): number {
  return most > least ? weight / (most - least) : 0;
}

/** Free and instant have no logarithm; below one nano-dollar or one millisecond there is no difference that counts. */
function logOf(amount: number): number {
  return Math.log(Math.max(1, amount));
}

type Ranges = {
  leastScore: number;
  mostScore: number;
  leastCostNanos: number;
  mostCostNanos: number;
  leastLatencyMs: number;
  mostLatencyMs: number;
};

function rangesOf(survivors: readonly Candidate[]): Ranges {
  let leastScore = Infinity;
  let mostScore = -Infinity;
  let leastCostNanos = Infinity;
  let mostCostNanos = -Infinity;
  let leastLatencyMs = Infinity;
  let mostLatencyMs = -Infinity;
  for (const { predicted } of survivors) {
    const { score, costNanos, latencyMs } = predicted;
    if (score < leastScore) leastScore = score;
    if (score > mostScore) mostScore = score;
    if (costNanos < leastCostNanos) leastCostNanos = costNanos;
    if (costNanos > mostCostNanos) mostCostNanos = costNanos;
    if (latencyMs < leastLatencyMs) leastLatencyMs = latencyMs;
    if (latencyMs > mostLatencyMs) mostLatencyMs = latencyMs;
  }
  return { leastScore, mostScore, leastCostNanos, mostCostNanos, leastLatencyMs, mostLatencyMs };
}
