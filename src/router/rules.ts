import type { ModelSpec } from '../domain/model.ts';
import { type Basis, boundNanosAt, type Candidate, candidateAt, modelAt, neededContextTokensAt } from './candidates.ts';
import { abilitiesOf, UNLISTED } from './columns.ts';

/**
 * Why a model is out. The rules are applied in the order of `RULES` and the first that holds is given, so that `benched`
 * means: it would do, but not before `actual` (epoch milliseconds).
 */
export type DropReason =
  | 'not-allowed'
  | 'tried'
  | 'provider-avoided'
  | 'capability'
  | 'context-not-larger'
  | 'context'
  | 'cost'
  | 'latency'
  | 'benched';

/** `limit` is what was allowed or asked for, `actual` what the model has or would need; units are those of the reason. */
export type Dropped = { alias: string; reason: DropReason; limit?: number | string; actual?: number | string };

type Rule = {
  /** Those of the rows whose models may stay; all of them where the question does not ask for this. */
  keep: (rows: readonly number[], basis: Basis) => readonly number[];
  /** What was asked for, and what the model has. */
  explain: (basis: Basis, row: number) => Pick<Dropped, 'limit' | 'actual'>;
};

const RULES: Record<DropReason, Rule> = {
  'not-allowed': {
    keep: (rows, { allowed }) => (allowed === undefined ? rows : rows.filter((row) => allowed[row] !== UNLISTED)),
    explain: () => ({}),
  },
  tried: {
    keep: (rows, { columns, question: { tried } }) => {
      if (tried.length === 0) return rows;
      const triedRows = new Set(tried.map((alias) => columns.rowOf.get(alias)));
      return rows.filter((row) => !triedRows.has(row));
    },
    explain: () => ({}),
  },
  'provider-avoided': {
    keep: (rows, { columns: { models }, question: { avoidProviders = [] } }) => {
      if (avoidProviders.length === 0) return rows;
      return rows.filter((row) => !avoidProviders.includes((models[row] as ModelSpec).provider));
    },
    explain: (basis, row) => ({ actual: modelAt(basis, row).provider }),
  },
  capability: {
    keep: (rows, { columns: { abilities }, question: { needs } }) => {
      if (needs.length === 0) return rows;
      const needed = abilitiesOf(needs);
      return rows.filter((row) => ((abilities[row] as number) & needed) === needed);
    },
    explain: (basis, row) => {
      const { capabilities } = modelAt(basis, row);
      return { limit: basis.question.needs.filter((need) => !capabilities.has(need)).join(', ') };
    },
  },
  'context-not-larger': {
    keep: (rows, { columns: { contextTokens }, question: { minContextTokens } }) =>
      minContextTokens === undefined ? rows : rows.filter((row) => (contextTokens[row] as number) > minContextTokens),
    explain: ({ columns: { contextTokens }, question: { minContextTokens } }, row) =>
      figures(minContextTokens, contextTokens[row]),
  },
  context: {
    keep: (rows, basis) => {
      const { contextTokens } = basis.columns;
      return rows.filter((row) => neededContextTokensAt(basis, row) <= (contextTokens[row] as number));
    },
    explain: (basis, row) => figures(basis.columns.contextTokens[row], neededContextTokensAt(basis, row)),
  },
  cost: {
    keep: (rows, basis) => {
      const { maxCostNanos } = basis.question;
      return maxCostNanos === undefined ? rows : rows.filter((row) => boundNanosAt(basis, row) <= maxCostNanos);
    },
    explain: (basis, row) => figures(basis.question.maxCostNanos, boundNanosAt(basis, row)),
  },
  latency: {
    keep: (rows, { forecast, percentile, question: { maxLatencyMs } }) => {
      const latencyMs = forecast.latencyMs[percentile];
      return maxLatencyMs === undefined ? rows : rows.filter((row) => (latencyMs[row] as number) <= maxLatencyMs);
    },
    explain: ({ forecast, percentile, question: { maxLatencyMs } }, row) =>
      figures(maxLatencyMs, forecast.latencyMs[percentile][row]),
  },
  benched: {
    keep: (rows, { forecast: { benchedUntil }, now }) => rows.filter((row) => (benchedUntil[row] as number) <= now),
    explain: ({ forecast: { benchedUntil }, now }, row) => figures(now, benchedUntil[row]),
  },
};

function figures(limit: number | undefined, actual: number | undefined): Pick<Dropped, 'limit' | 'actual'> {
  return { limit: limit as number, actual: actual as number };
}

const ORDERED_RULES = Object.entries(RULES) as [DropReason, Rule][];

/** For each row what was decided about it: 0 for a model that may serve the job, else its rule, counted from 1. */
export type Verdicts = Uint8Array;

const ELIGIBLE = 0;

export type Screening = {
  verdicts: Verdicts;
  /** The rows of the models that may serve the job, ascending. */
  eligible: readonly number[];
};

/** Applies one rule after the other to the rows that are left. */
export function screen(basis: Basis): Screening {
  const { rows } = basis.columns;
  const verdicts = new Uint8Array(rows.length);
  let eligible = rows;
  for (const [place, [, rule]] of ORDERED_RULES.entries()) {
    const kept = rule.keep(eligible, basis);
    if (kept.length === eligible.length) continue;
    for (const row of eligible) verdicts[row] = place + 1;
    for (const row of kept) verdicts[row] = ELIGIBLE;
    eligible = kept;
  }
  return { verdicts, eligible };
}

/** The models that may serve the job. */
export function candidatesIn(basis: Basis, verdicts: Verdicts): Candidate[] {
  const rows = basis.columns.rows.filter((row) => verdicts[row] === ELIGIBLE);
  return rows.map((row) => candidateAt(basis, row));
}

/** The models that may not serve the job, and why. */
export function dropsIn(basis: Basis, verdicts: Verdicts): Dropped[] {
  const drops: Dropped[] = [];
  for (const [row, verdict] of verdicts.entries()) {
    const [reason, rule] = ORDERED_RULES[verdict - 1] ?? [];
    if (reason === undefined || rule === undefined) continue;
    drops.push({ alias: modelAt(basis, row).alias, reason, ...rule.explain(basis, row) });
  }
  return drops;
}
