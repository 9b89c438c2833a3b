import { z } from 'zod';
import { logSignEvidence } from './e-process.ts';
import { Moments, withFigure } from './evidence.ts';
import type { ExperimentConfig, Measure } from './experiment-config.ts';
import { Name } from './name.ts';
import { logMismatch } from './sample-ratio.ts';

/**
 * How an experiment stands: what was counted of its variants, and the evidence so far. Plain data, kept as JSON; counting
 * is a pure function of what came before, so that it does not matter in how many pieces the outcomes arrive.
 *
 * The unit is the user, or the job where there is no user. A unit counts once, with its first outcome: the jobs of one
 * user are not independent of each other, and a mean that changed with each job could not be looked at any time.
 */

const Count = z.int().min(0);

/** Outcomes of one side that follow each other, and for which there was none of the other side yet. */
const Group = z.strictObject({ isControl: z.boolean(), sum: z.number() });
type Group = z.infer<typeof Group>;

/** One variant against the control, by pairs of outcomes, or of groups of them. */
const Comparison = z.strictObject({
  /** Pairs in which the variant did better, worse, and just as well; the last say nothing. */
  wins: Count,
  losses: Count,
  ties: Count,
  /** What waits for a partner, at place `n` a group of 2^n outcomes. */
  waiting: z.array(Group.nullable()),
  /** The most that the natural logarithm of the evidence ever was; 0 before the first pair. */
  highest: z.number(),
  /** When it first was enough, and for whom; it stands whatever comes later. */
  decided: z.strictObject({ isBetter: z.boolean(), pairs: Count, at: Count }).optional(),
});
export type Comparison = z.infer<typeof Comparison>;

const Arm = z.strictObject({
  /** Units that were assigned to it and of which a call was made. */
  units: Count,
  /** One outcome a unit. */
  outcomes: Moments,
});
type Arm = z.infer<typeof Arm>;

export const Standing = z.strictObject({
  v: z.literal(1),
  /** By name of the variant. */
  arms: z.record(Name, Arm),
  /** By name of the variant; the control has none. */
  comparisons: z.record(Name, Comparison),
  /** The highest evidence (natural logarithm) that units, and outcomes, do not come in proportion to the weights. */
  mismatch: z.strictObject({ units: z.number(), outcomes: z.number() }),
});
export type Standing = z.infer<typeof Standing>;

/** What a standing is read by. Only variants that somebody is assigned to are in it; the first is the control. */
export type ExperimentPlan = {
  measure: Measure;
  variants: readonly string[];
  weights: readonly number[];
  alpha: number;
  /** The evidence that decides: alpha is shared by the comparisons (Bonferroni). */
  evidenceNeeded: number;
};

export function planOf({ measure, alpha, variants }: ExperimentConfig): ExperimentPlan {
  const active = Object.entries(variants).filter(([, { weight }]) => weight > 0);
  return {
    measure,
    alpha,
    variants: active.map(([name]) => name),
    weights: active.map(([, { weight }]) => weight),
    evidenceNeeded: Math.max(1, active.length - 1) / alpha,
  };
}

export function newStanding({ variants }: ExperimentPlan): Standing {
  const arm = { units: 0, outcomes: { n: 0, sum: 0, squares: 0 } };
  const comparison = { wins: 0, losses: 0, ties: 0, waiting: [], highest: 0 };
  return {
    v: 1,
    arms: Object.fromEntries(variants.map((name) => [name, arm])),
    comparisons: Object.fromEntries(variants.slice(1).map((name) => [name, comparison])),
    mismatch: { units: 0, outcomes: 0 },
  };
}

/** With one more unit of the variant. */
export function withUnit(standing: Standing, plan: ExperimentPlan, variant: string): Standing {
  const arm = standing.arms[variant];
  if (arm === undefined) return standing;
  const arms = { ...standing.arms, [variant]: { ...arm, units: arm.units + 1 } };
  const units = Math.max(
    standing.mismatch.units,
    mismatchOf(plan, arms, ({ units }) => units),
  );
  return { ...standing, arms, mismatch: { ...standing.mismatch, units } };
}

export type Outcome = {
  variant: string;
  /** A score, nano-dollars or milliseconds. */
  value: number;
  /** Epoch milliseconds. */
  at: number;
};

/** With the outcome of one more unit. */
export function withOutcome(standing: Standing, plan: ExperimentPlan, { variant, value, at }: Outcome): Standing {
  const arm = standing.arms[variant];
  if (arm === undefined) return standing;
  const arms = { ...standing.arms, [variant]: { ...arm, outcomes: withFigure(arm.outcomes, value) } };
  const outcomes = Math.max(
    standing.mismatch.outcomes,
    mismatchOf(plan, arms, ({ outcomes }) => outcomes.n),
  );
  const isControl = variant === plan.variants[0];
  const comparisons = Object.fromEntries(
    Object.entries(standing.comparisons).map(([name, comparison]) => {
      const isConcerned = isControl || name === variant;
      return [name, isConcerned ? compared(comparison, plan, { isControl, value, at }) : comparison];
    }),
  );
  return { ...standing, arms, comparisons, mismatch: { ...standing.mismatch, outcomes } };
}

function mismatchOf(
  { variants, weights }: ExperimentPlan,
  arms: Standing['arms'],
  count: (arm: Arm) => number,
): number {
  const counts = variants.map((name) => {
    const arm = arms[name];
    return arm === undefined ? 0 : count(arm);
  });
  return logMismatch(counts, weights);
}

/**
 * Takes outcomes two by two, as they arrive. Two of different sides are a pair. Two of one side become a group, groups are
 * taken two by two as well, and so on: at each size, two neighbours are a pair or a group of twice the size. Who is paired
 * with whom would be the same had the two of a pair changed sides, and chance decides sides: so, when the variants are
 * equal, each is as likely to be the better one, whatever the order in which outcomes arrive and however they drift.
 */
function compared(
  comparison: Comparison,
  plan: ExperimentPlan,
  { isControl, value, at }: { isControl: boolean; value: number; at: number },
): Comparison {
  const waiting = [...comparison.waiting];
  let group: Group = { isControl, sum: value };
  for (let size = 0; ; size += 1) {
    const other = waiting[size] ?? null;
    waiting[size] = other === null ? group : null;
    if (other === null) return { ...comparison, waiting };
    if (other.isControl !== group.isControl) return withPair({ ...comparison, waiting }, plan, [other, group], at);
    group = { isControl, sum: other.sum + group.sum };
  }
}

function withPair(comparison: Comparison, plan: ExperimentPlan, pair: readonly [Group, Group], at: number): Comparison {
  const [variant, control] = pair[0].isControl ? [pair[1], pair[0]] : pair;
  if (variant.sum === control.sum) return { ...comparison, ties: comparison.ties + 1 };
  const isWin = variant.sum > control.sum === (plan.measure === 'score');
  return decide(addPair(comparison, isWin), Math.log(plan.evidenceNeeded), at);
}

function addPair(comparison: Comparison, isWin: boolean): Comparison {
  const wins = comparison.wins + (isWin ? 1 : 0);
  const losses = comparison.losses + (isWin ? 0 : 1);
  return { ...comparison, wins, losses, highest: Math.max(comparison.highest, logSignEvidence(wins, losses)) };
}

function decide(comparison: Comparison, threshold: number, at: number): Comparison {
  const { wins, losses, highest, decided } = comparison;
  if (decided !== undefined || highest < threshold) return comparison;
  return { ...comparison, decided: { isBetter: wins > losses, pairs: wins + losses, at } };
}
