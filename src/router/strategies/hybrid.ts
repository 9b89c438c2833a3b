import { logOf } from '../predict.ts';
import type { Field, StrategyContext, Utility } from './utility.ts';

/** A tenth of a score; half as dear, half as long again. */
const LEAST_RANGE = { score: 0.1, costLog: Math.log(1.5), latencyLog: Math.log(1.5) };

/** Quality, cost and latency in one number; in that of money where it is known what an answer is worth. */
export const hybridUtility: Utility = (field, context, utilities) => {
  if (context.answerValueNanos === undefined) weighAgainstField(field, context, utilities);
  else weighAgainstWorth(field, context.answerValueNanos / context.costPressure, utilities);
};

/** The score less what it costs, as part of what a right answer is worth. */
function weighAgainstWorth({ rows, scores, costNanos }: Field, worthNanos: number, utilities: Float64Array): void {
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index] as number;
    utilities[row] = (scores[row] as number) - (costNanos[row] as number) / worthNanos;
  }
}

/**
 * Quality, cost and latency in one number from 0 to 1, where 1 is a model that is the best of the field in all three.
 *
 * Each is first brought to a penalty of 0 (the best of the field) to 1 (the worst, where it is clearly worse), so
 * that the weights mean the same for cheap jobs and for dear ones. Cost and latency on a logarithmic scale: twice as dear
 * is the same step everywhere, and one very dear model does not make all others look alike.
 */
function weighAgainstField(field: Field, { weights, costPressure }: StrategyContext, utilities: Float64Array): void {
  const { rows, scores, costNanos, latencyMs, latencyLogs } = field;
  const score = rangeOf(scores, rows);
  const cost = rangeOf(costNanos, rows);
  const latency = rangeOf(latencyMs, rows);
  const leastCostLog = logOf(cost.least);
  const leastLatencyLog = logOf(latency.least);
  const costWeight = weights.cost * costPressure;
  const total = weights.quality + costWeight + weights.latency || 1;
  const qualityStep = stepOf(score.most - score.least, LEAST_RANGE.score, weights.quality / total);
  const costStep = stepOf(logOf(cost.most) - leastCostLog, LEAST_RANGE.costLog, costWeight / total);
  const latencyStep = stepOf(logOf(latency.most) - leastLatencyLog, LEAST_RANGE.latencyLog, weights.latency / total);
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index] as number;
    const qualityPenalty = qualityStep * (score.most - (scores[row] as number));
    const costPenalty = costStep * (logOf(costNanos[row] as number) - leastCostLog);
    const latencyPenalty = latencyStep * ((latencyLogs[row] as number) - leastLatencyLog);
    utilities[row] = 1 - qualityPenalty - costPenalty - latencyPenalty;
  }
}

function rangeOf(column: Float64Array, rows: readonly number[]): { least: number; most: number } {
  let least = Infinity;
  let most = -Infinity;
  for (let index = 0; index < rows.length; index += 1) {
    const figure = column[rows[index] as number] as number;
    if (figure < least) least = figure;
    if (figure > most) most = figure;
  }
  return { least, most };
}

/**
 * What one unit of distance from the best costs, so that the whole range costs the weight. Differences that are small
 * whatever the field are not blown up to it: a hundredth of a score is not the whole weight, though nobody be further behind.
 */
function stepOf(range: number, leastRange: number, weight: number): number {
  return weight / Math.max(range, leastRange);
}
