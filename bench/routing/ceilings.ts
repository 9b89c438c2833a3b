import type { Dataset } from './data.ts';
import { meanOf, percentileOf } from './metrics.ts';
import type { Router } from './policies.ts';
import type { Training } from './baselines.ts';
import { pointOf } from './judge.ts';

/** Limits that a job sets: a router may choose no model that it expects to break them. */

const CALLS = 1_000;
/** USD a thousand calls. */
const COST_LIMITS = [0.1, 0.5, 2, Infinity] as const;
const LATENCY_LIMITS_MS = [1_300, 2_000, 3_000, Infinity] as const;
/** So much that cost does not count below the limit. */
const ANY_COST_USD = 1e9;

export type CeilingFigures = {
  maxCostPerThousandUsd: number | null;
  maxLatencyMs: number | null;
  /** Of the rows that a model may serve. */
  served: number;
  /** Of all rows; those that no model may serve score 0. */
  accuracy: number;
  costUsd: number;
  /** Share of the choices that were expected to break a limit. */
  predictedViolations: number;
  /** Share of the choices that broke it when they were called. */
  costViolations: number;
  latencyViolations: number;
};

export function judgeCeilings(
  dataset: Dataset,
  training: Training,
  test: readonly number[],
  router: Router,
): CeilingFigures[] {
  if (dataset.cost !== 'usd') return [];
  const latencies = dataset.hasLatencies ? LATENCY_LIMITS_MS : ([Infinity] as const);
  const p95s = latencyPercentilesOf(dataset, training);
  return latencies.flatMap((maxLatencyMs) =>
    COST_LIMITS.map((maxCost) => judgeCeiling(dataset, p95s, test, router, { maxCost, maxLatencyMs })),
  );
}

function judgeCeiling(
  dataset: Dataset,
  p95s: readonly number[],
  test: readonly number[],
  router: Router,
  { maxCost, maxLatencyMs }: { maxCost: number; maxLatencyMs: number },
): CeilingFigures {
  const maxCostUsd = maxCost / CALLS;
  const aim = {
    answerValueUsd: ANY_COST_USD,
    ...(maxCost < Infinity && { maxCostUsd }),
    ...(maxLatencyMs < Infinity && { maxLatencyMs }),
  };
  const choices = new Int32Array(test.length);
  let served = 0;
  let predicted = 0;
  let dear = 0;
  let slow = 0;
  test.forEach((row, index) => {
    const decision = router.replay.decide(router.asked(row), aim);
    const place = dataset.aliases.indexOf(decision?.model ?? '');
    choices[index] = place;
    if (decision === undefined) return;
    served += 1;
    if (decision.predicted.cost_usd > maxCostUsd || (p95s[place] as number) > maxLatencyMs) predicted += 1;
    const outcome = row * dataset.aliases.length + place;
    if ((dataset.outcomes.costsUsd[outcome] as number) > maxCostUsd) dear += 1;
    if ((dataset.outcomes.latenciesMs[outcome] as number) > maxLatencyMs) slow += 1;
  });
  const { accuracy, cost } = pointOf(dataset, test, choices);
  return {
    maxCostPerThousandUsd: Number.isFinite(maxCost) ? maxCost : null,
    maxLatencyMs: Number.isFinite(maxLatencyMs) ? maxLatencyMs : null,
    served: served / test.length,
    accuracy,
    costUsd: cost,
    predictedViolations: predicted / Math.max(1, served),
    costViolations: dear / Math.max(1, served),
    latencyViolations: slow / Math.max(1, served),
  };
}

/** Of each model's training rows; NaN, which breaks no limit, where none was recorded. */
function latencyPercentilesOf({ aliases, outcomes }: Dataset, { numbers }: Training): number[] {
  return aliases.map((_, model) => {
    const latencies = numbers.map((row) => outcomes.latenciesMs[row * aliases.length + model] as number);
    return percentileOf(
      latencies.filter((latencyMs) => !Number.isNaN(latencyMs)),
      0.95,
    );
  });
}

/** The mean of every figure over the splits. */
export function meanCeilings(splits: readonly (readonly CeilingFigures[])[]): CeilingFigures[] {
  const [first = []] = splits;
  return first.map((figures, index) => {
    const mean = (pick: (figures: CeilingFigures) => number): number =>
      meanOf(splits.map((split) => pick(split[index] as CeilingFigures)));
    return {
      ...figures,
      served: mean((one) => one.served),
      accuracy: mean((one) => one.accuracy),
      costUsd: mean((one) => one.costUsd),
      predictedViolations: mean((one) => one.predictedViolations),
      costViolations: mean((one) => one.costViolations),
      latencyViolations: mean((one) => one.latencyViolations),
    };
  });
}
