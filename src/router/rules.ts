import { type Basis, boundNanosAt, modelAt, neededContextTokensAt } from './candidates.ts';
import { UNLISTED } from './columns.ts';

/**
 * Why a model is out: the first rule that it breaks, in the order of `ruleBrokenAt`, so that `benched` means: it would do,
 * but not before `actual` (epoch milliseconds).
 */
export type DropReason =
  | 'not-allowed'
  | 'kind'
  | 'unpriced'
  | 'tried'
  | 'provider-avoided'
  | 'capability'
  | 'untranslatable'
  | 'context-not-larger'
  | 'context'
  | 'tier'
  | 'cost'
  | 'latency'
  | 'benched';

/** `limit` is what was allowed or asked for, `actual` what the model has or would need; units are those of the reason. */
export type Dropped = { alias: string; reason: DropReason; limit?: number | string; actual?: number | string };

/** The first rule that the model in a row breaks. */
function ruleBrokenAt(basis: Basis, row: number): DropReason | undefined {
  const { columns, demand, forecast, allowed, tried } = basis;
  const contextTokens = columns.contextTokens[row] as number;
  const latencyMs = forecast.latencyMs[basis.percentile][row] as number;
  const benchedUntil = forecast.benchedUntil[row] as number;
  if (allowed !== undefined && allowed[row] === UNLISTED) return 'not-allowed';
  if (columns.embeds[row] !== demand.embeds) return 'kind';
  if (columns.barred[row] === 1) return 'unpriced';
  if (tried !== undefined && tried[row] !== UNLISTED) return 'tried';
  if (demand.avoidedProviders?.includes(modelAt(basis, row).provider)) return 'provider-avoided';
  if (((columns.abilities[row] as number) & demand.abilities) !== demand.abilities) return 'capability';
  if (((columns.lacks[row] as number) & demand.features) !== 0) return 'untranslatable';
  if (contextTokens <= demand.minContextTokens) return 'context-not-larger';
  if (contextTokens < neededContextTokensAt(basis, row)) return 'context';
  if ((columns.tiers[row] as number) > demand.maxTier) return 'tier';
  if (demand.maxCostNanos < Infinity && boundNanosAt(basis, row) > demand.maxCostNanos) return 'cost';
  if (latencyMs > demand.maxLatencyMs) return 'latency';
  if (benchedUntil > basis.now) return 'benched';
  return undefined;
}

/** What was asked for, and what the model in a row has. */
const FIGURES: Record<DropReason, (basis: Basis, row: number) => Pick<Dropped, 'limit' | 'actual'>> = {
  'not-allowed': () => ({}),
  kind: ({ demand }) => ({ limit: demand.embeds === 1 ? 'embeddings' : 'chat' }),
  unpriced: () => ({}),
  tried: () => ({}),
  'provider-avoided': (basis, row) => ({ actual: modelAt(basis, row).provider }),
  capability: (basis, row) => {
    const { capabilities } = modelAt(basis, row);
    return { limit: basis.question.needs.filter((need) => !capabilities.has(need)).join(', ') };
  },
  untranslatable: (basis, row) => {
    const { lacks } = modelAt(basis, row);
    return { limit: basis.question.features.filter((feature) => lacks.has(feature)).join(', ') };
  },
  'context-not-larger': ({ columns, demand }, row) => ({
    limit: demand.minContextTokens,
    actual: columns.contextTokens[row] as number,
  }),
  context: (basis, row) => ({
    limit: basis.columns.contextTokens[row] as number,
    actual: neededContextTokensAt(basis, row),
  }),
  tier: (basis, row) => ({ limit: basis.question.maxTier ?? '', actual: modelAt(basis, row).tier }),
  cost: (basis, row) => ({ limit: basis.demand.maxCostNanos, actual: boundNanosAt(basis, row) }),
  latency: ({ demand, forecast, percentile }, row) => ({
    limit: demand.maxLatencyMs,
    actual: forecast.latencyMs[percentile][row] as number,
  }),
  benched: ({ forecast, now }, row) => ({ limit: now, actual: forecast.benchedUntil[row] as number }),
};

/** The rows of the models that may serve the job, ascending. They are cut from one array, for one that grows is copied. */
export function eligibleRows(basis: Basis): readonly number[] {
  const eligible = basis.columns.rows.slice();
  let count = 0;
  for (let row = 0; row < eligible.length; row += 1) {
    if (ruleBrokenAt(basis, row) !== undefined) continue;
    eligible[count] = row;
    count += 1;
  }
  eligible.length = count;
  return eligible;
}

/** How many models break a rule first, and the aliases of the first of them. */
export type DropCount = { count: number; first: string[] };

const MOST_NAMED = 2;

/** The models that may not serve the job, those whose rows are not eligible, as numbers: no object for each of them. */
export function dropCountsIn(basis: Basis, eligible: readonly number[]): ReadonlyMap<DropReason, DropCount> {
  const { models } = basis.columns;
  const counts = new Map<DropReason, DropCount>();
  for (let row = 0, next = 0; row < models.length; row += 1) {
    if (row === eligible[next]) {
      next += 1;
      continue;
    }
    const reason = ruleBrokenAt(basis, row);
    if (reason === undefined) continue;
    const known = counts.get(reason) ?? { count: 0, first: [] };
    if (known.count === 0) counts.set(reason, known);
    if (known.count < MOST_NAMED) known.first.push(modelAt(basis, row).alias);
    known.count += 1;
  }
  return counts;
}

/** The models that may not serve the job, and why. */
export function dropsIn(basis: Basis): Dropped[] {
  return basis.columns.models.flatMap(({ alias }, row) => {
    const reason = ruleBrokenAt(basis, row);
    return reason === undefined ? [] : [{ alias, reason, ...FIGURES[reason](basis, row) }];
  });
}
