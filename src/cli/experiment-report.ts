import type { ExperimentConfig, Measure } from '../domain/experiment-config.ts';
import type { ExperimentOrder } from '../domain/experiment-control.ts';
import { MOST_UNITS } from '../domain/experiment-fold.ts';
import type { ComparisonReport, VariantReport, Verdict } from '../domain/experiment-verdict.ts';
import { formatUsd, nanosToUsd } from '../domain/money.ts';
import { formatCount, formatLatency, formatTime } from './format.ts';
import { type Column, renderTable } from './table.ts';

/** An experiment as it is shown. */
export type ExperimentReport = {
  name: string;
  experiment: ExperimentConfig;
  order?: ExperimentOrder;
  /** When it was first counted, in epoch milliseconds. */
  since: number;
  verdict: Verdict;
};

/** `running`, `stopped`, `promoted frugal` */
export function stateOf(order: ExperimentOrder | undefined): string {
  if (order === undefined) return 'running';
  return order.state === 'promoted' ? `promoted ${order.variant}` : order.state;
}

export function unitsOf({ variants }: Verdict): number {
  return variants.reduce((sum, { units }) => sum + units, 0);
}

const FORMATS: Record<Measure, (figure: number) => string> = {
  score: (score) => score.toFixed(3),
  cost: formatUsd,
  latency: formatLatency,
};

/** For a person: a table of the variants, and what it means. */
export function renderExperiment({ name, experiment, order, since, verdict }: ExperimentReport): string[] {
  const { measure, alpha } = experiment;
  const state = order === undefined ? 'running' : `${stateOf(order)} at ${formatTime(order.at)}`;
  const heading = `${name}: ${state}; by ${measure}, alpha ${alpha}; counted since ${formatTime(since)} (UTC)`;
  const columns: readonly Column[] = [
    { title: 'variant' },
    { title: 'share', align: 'right' },
    { title: 'units', align: 'right' },
    { title: 'outcomes', align: 'right' },
    { title: `mean ${measure}`, align: 'right' },
    { title: `${Number((100 * (1 - alpha)).toFixed(3))} % interval`, align: 'right' },
    { title: 'won/lost/tied', align: 'right' },
    { title: 'evidence', align: 'right' },
    { title: 'p', align: 'right' },
  ];
  const rows = verdict.variants.map((report) => cellsOf(report, FORMATS[measure]));
  return [heading, ...renderTable(columns, rows), ...sentencesOf(verdict)];
}

function cellsOf({ against, ...report }: VariantReport, format: (figure: number) => string): string[] {
  const { variant, share, units, outcomes, mean, interval } = report;
  return [
    variant,
    `${Number((share * 100).toFixed(1))} %`,
    formatCount(units),
    formatCount(outcomes),
    mean === undefined ? '-' : format(mean),
    interval === undefined ? '-' : `${format(interval.low)} to ${format(interval.high)}`,
    against === undefined ? 'control' : `${against.wins}/${against.losses}/${against.ties}`,
    against === undefined ? '' : formatEvidence(against.evidence),
    against === undefined ? '' : formatP(against.p),
  ];
}

function sentencesOf(verdict: Verdict): string[] {
  const { variants, mismatch, evidenceNeeded } = verdict;
  const sentences = variants.flatMap(({ against }) => {
    if (against === undefined) return [];
    const goal = against.decision === 'undecided' ? `; evidence of ${formatEvidence(evidenceNeeded)} decides` : '';
    return [`${against.sentence}${goal}`];
  });
  if (sentences.length === 0) sentences.push('nothing is compared: only one variant has a weight above 0');
  if (unitsOf(verdict) >= MOST_UNITS) sentences.push(`no more than ${formatCount(MOST_UNITS)} units are counted`);
  return [...sentences, ...mismatch.map((what) => `warning: ${MISMATCH[what]}; the result cannot be trusted`)];
}

const MISMATCH = {
  units: 'units do not come to the variants in proportion to their weights',
  outcomes: 'outcomes are missing of one variant more than of another, measured by their weights',
} as const;

function formatEvidence(evidence: number): string {
  if (evidence >= 1e6) return evidence.toExponential(1);
  return evidence >= 100 ? formatCount(Math.round(evidence)) : String(Number(evidence.toPrecision(3)));
}

function formatP(p: number): string {
  return p < 0.0001 ? '<0.0001' : String(Number(p.toPrecision(2)));
}

/** For programs. Costs are in USD, latencies in milliseconds; infinite evidence, which JSON has no word for, is its limit. */
export function experimentJson({ name, experiment, order, since, verdict }: ExperimentReport): object {
  const { measure, alpha, tasks, share, exclusion_group } = experiment;
  const scaled = (figure: number): number => (measure === 'cost' ? nanosToUsd(figure) : figure);
  return {
    experiment: name,
    state: order?.state ?? 'running',
    promoted: order?.state === 'promoted' ? order.variant : null,
    changed_at: order === undefined ? null : new Date(order.at).toISOString(),
    counted_since: new Date(since).toISOString(),
    tasks: tasks ?? null,
    share,
    exclusion_group: exclusion_group ?? null,
    measure,
    alpha,
    evidence_needed: verdict.evidenceNeeded,
    winner: verdict.winner ?? null,
    mismatch: verdict.mismatch,
    variants: verdict.variants.map(({ against, interval, mean, ...report }) => ({
      ...report,
      mean: mean === undefined ? null : scaled(mean),
      interval: interval === undefined ? null : [scaled(interval.low), scaled(interval.high)],
      against_control: against === undefined ? null : comparisonJson(against),
    })),
  };
}

function comparisonJson({ decidedAt, evidence, ...comparison }: ComparisonReport): object {
  return {
    ...comparison,
    evidence: Math.min(evidence, Number.MAX_VALUE),
    decided_at: decidedAt === undefined ? null : new Date(decidedAt).toISOString(),
  };
}
