import { logSignEvidence } from './e-process.ts';
import type { Measure } from './experiment-config.ts';
import { type Interval, amountInterval, scoreInterval } from './experiment-interval.ts';
import type { Comparison, ExperimentPlan, Standing } from './experiment-standing.ts';
import { LOG_MISMATCH } from './sample-ratio.ts';

/** What a standing says of one variant. Figures are scores, nano-dollars or milliseconds. */
export type VariantReport = {
  variant: string;
  /** Part of the units that should be in it. */
  share: number;
  units: number;
  outcomes: number;
  mean?: number;
  interval?: Interval;
  /** Missing for the control. */
  against?: ComparisonReport;
};

export type ComparisonReport = Pick<Comparison, 'wins' | 'losses' | 'ties'> & {
  /** Outcomes that have no partner yet. */
  waiting: number;
  /** By what the null hypothesis, that wins and losses are equally likely, is less likely than before. */
  evidence: number;
  /** Always-valid p-value, for all comparisons of the experiment together. */
  p: number;
  decision: 'better' | 'worse' | 'undecided';
  /** Epoch milliseconds. */
  decidedAt?: number;
  /** For a person. */
  sentence: string;
};

export type Verdict = {
  variants: VariantReport[];
  /** What does not come in proportion to the weights: then no difference can be trusted. */
  mismatch: ('units' | 'outcomes')[];
  /** The evidence that decides. */
  evidenceNeeded: number;
  /** The variant to go on with; undefined while that is open. */
  winner?: string;
};

export function verdictOf(standing: Standing, plan: ExperimentPlan): Verdict {
  const variants = plan.variants.map((_, index) => reportOf(index, standing, plan));
  const mismatch = (['units', 'outcomes'] as const).filter((what) => standing.mismatch[what] >= LOG_MISMATCH);
  const winner = mismatch.length > 0 ? undefined : winnerAmong(variants);
  return {
    variants,
    mismatch,
    evidenceNeeded: plan.evidenceNeeded,
    ...(winner !== undefined && { winner }),
  };
}

function reportOf(index: number, standing: Standing, plan: ExperimentPlan): VariantReport {
  const variant = plan.variants[index] ?? '';
  const { units = 0, outcomes = { n: 0, sum: 0, squares: 0 } } = standing.arms[variant] ?? {};
  const interval = (plan.measure === 'score' ? scoreInterval : amountInterval)(outcomes, plan.alpha);
  const comparison = standing.comparisons[variant];
  return {
    variant,
    share: (plan.weights[index] ?? 0) / plan.weights.reduce((sum, weight) => sum + weight, 0),
    units,
    outcomes: outcomes.n,
    ...(outcomes.n > 0 && { mean: outcomes.sum / outcomes.n }),
    ...(interval !== undefined && { interval }),
    ...(comparison !== undefined && { against: compare(variant, comparison, standing, plan) }),
  };
}

function compare(variant: string, comparison: Comparison, standing: Standing, plan: ExperimentPlan): ComparisonReport {
  const { wins, losses, ties, waiting, highest, decided } = comparison;
  const decision = decided === undefined ? 'undecided' : decided.isBetter ? 'better' : 'worse';
  const comparisons = plan.variants.length - 1;
  return {
    wins,
    losses,
    ties,
    waiting: waiting.reduce((sum, group, size) => sum + (group === null ? 0 : 2 ** size), 0),
    evidence: Math.exp(logSignEvidence(wins, losses)),
    p: Math.min(1, comparisons * Math.exp(-highest)),
    decision,
    ...(decided !== undefined && { decidedAt: decided.at }),
    sentence: sentenceOf(variant, comparison, standing, plan),
  };
}

const WORDS: Record<Measure, { better: string; worse: string }> = {
  score: { better: 'better', worse: 'worse' },
  cost: { better: 'cheaper', worse: 'dearer' },
  latency: { better: 'faster', worse: 'slower' },
};

function sentenceOf(
  variant: string,
  { wins, losses, decided }: Comparison,
  standing: Standing,
  plan: ExperimentPlan,
): string {
  const { better, worse } = WORDS[plan.measure];
  const control = plan.variants[0] ?? '';
  const pairs = wins + losses;
  const tally = `${variant} was ${better} in ${wins} of the ${pairs} pairs that differ`;
  if (decided === undefined) {
    if (pairs === 0) return `undecided: no outcome of ${variant} differs yet from one of ${control}`;
    return `undecided whether ${variant} is ${better} or ${worse} than ${control}: ${tally}`;
  }
  const verdict = `${variant} is ${decided.isBetter ? better : worse} than ${control}, decided after ${decided.pairs} pairs`;
  const [mean, ofControl] = [variant, control].map((name) => meanOf(standing, name));
  const isHigher = mean !== undefined && ofControl !== undefined && mean > ofControl;
  const isMeanBetter = plan.measure === 'score' ? isHigher : !isHigher;
  const doubt = isMeanBetter === decided.isBetter ? '' : '; more often so, that is: the means say the opposite';
  return `${verdict}: ${tally}${doubt}`;
}

function meanOf(standing: Standing, variant: string): number | undefined {
  const outcomes = standing.arms[variant]?.outcomes;
  return outcomes === undefined || outcomes.n === 0 ? undefined : outcomes.sum / outcomes.n;
}

/** The only one that is better than the control, or the control when all others are worse. */
function winnerAmong(variants: readonly VariantReport[]): string | undefined {
  const [control, ...others] = variants;
  const better = others.filter(({ against }) => against?.decision === 'better');
  if (better.length === 1) return better[0]?.variant;
  const areAllWorse = others.length > 0 && others.every(({ against }) => against?.decision === 'worse');
  return areAllWorse ? control?.variant : undefined;
}
