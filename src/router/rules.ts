import { type Basis, boundNanosAt, type Candidate, candidateAt, contextTokensAt, modelAt } from './candidates.ts';
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
  /** Tells whether the model in a row is out; undefined where the question does not ask for this. */
  test: (basis: Basis) => ((row: number) => boolean) | undefined;
  /** What was asked for, and what the model has. */
  explain: (basis: Basis, row: number) => Pick<Dropped, 'limit' | 'actual'>;
};

const RULES: Record<DropReason, Rule> = {
  'not-allowed': {
    test: ({ allowed }) => allowed && ((row) => allowed[row] === UNLISTED),
    explain: () => ({}),
  },
  tried: {
    test: ({ columns, question: { tried } }) => {
      if (tried.length === 0) return undefined;
      const rows = new Set(tried.map((alias) => columns.rowOf.get(alias)));
      return (row) => rows.has(row);
    },
    explain: () => ({}),
  },
  'provider-avoided': {
    test: (basis) => {
      const { avoidProviders = [] } = basis.question;
      if (avoidProviders.length === 0) return undefined;
      return (row) => avoidProviders.includes(modelAt(basis, row).provider);
    },
    explain: (basis, row) => ({ actual: modelAt(basis, row).provider }),
  },
  capability: {
    test: ({ columns: { abilities }, question: { needs } }) => {
      if (needs.length === 0) return undefined;
      const needed = abilitiesOf(needs);
      return (row) => ((abilities[row] as number) & needed) !== needed;
    },
    explain: (basis, row) => {
      const { capabilities } = modelAt(basis, row);
      return { limit: basis.question.needs.filter((need) => !capabilities.has(need)).join(', ') };
    },
  },
  'context-not-larger': {
    test: ({ columns: { contextTokens }, question: { minContextTokens } }) =>
      minContextTokens === undefined ? undefined : (row) => (contextTokens[row] as number) <= minContextTokens,
    explain: ({ columns: { contextTokens }, question: { minContextTokens } }, row) =>
      figures(minContextTokens, contextTokens[row]),
  },
  context: {
    test: (basis) => {
      const { contextTokens } = basis.columns;
      return (row) => contextTokensAt(basis, row) > (contextTokens[row] as number);
    },
    explain: (basis, row) => figures(basis.columns.contextTokens[row], contextTokensAt(basis, row)),
  },
  cost: {
    test: (basis) => {
      const { maxCostNanos } = basis.question;
      return maxCostNanos === undefined ? undefined : (row) => boundNanosAt(basis, row) > maxCostNanos;
    },
    explain: (basis, row) => figures(basis.question.maxCostNanos, boundNanosAt(basis, row)),
  },
  latency: {
    test: ({ forecast, percentile, question: { maxLatencyMs } }) => {
      const latencyMs = forecast.latencyMs[percentile];
      return maxLatencyMs === undefined ? undefined : (row) => (latencyMs[row] as number) > maxLatencyMs;
    },
    explain: ({ forecast, percentile, question: { maxLatencyMs } }, row) =>
      figures(maxLatencyMs, forecast.latencyMs[percentile][row]),
  },
  benched: {
    test:
      ({ forecast: { benchedUntil }, now }) =>
      (row) =>
        (benchedUntil[row] as number) > now,
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
    const isOut = rule.test(basis);
    if (isOut === undefined) continue;
    const left: number[] = [];
    for (const row of eligible) {
      if (isOut(row)) verdicts[row] = place + 1;
      else left.push(row);
    }
    eligible = left;
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
