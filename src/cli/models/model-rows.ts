import type { Lock } from '../../config/lock-file.ts';
import { type ModelWarning, warningsOf } from '../../config/model-warnings.ts';
import type { PriceCatalogue } from '../../config/price-catalogue.ts';
import type { Config, ModelPrice } from '../../domain/config.ts';
import type { Capability, Tier } from '../../domain/model.ts';
import { formatCount } from '../format.ts';
import type { Column } from '../table.ts';

/** A configured model, as the list shows it. */
export type ModelRow = {
  alias: string;
  provider: string;
  id: string;
  price: ModelPrice | undefined;
  source: string;
  /** The day from which the price is, where somebody says so; `atLeast` where it may be newer. */
  asOf: { date: string; atLeast: boolean; ageDays: number } | undefined;
  context: number | undefined;
  maxOutput: number;
  tier: Tier;
  capabilities: readonly Capability[];
  warnings: readonly ModelWarning[];
};

/** Where the age of a price can be looked up. */
export type PriceDates = { catalogue: string | undefined; lock: Lock | undefined };

const DAY_MS = 86_400_000;

export function rowsOf(config: Config, catalogue: PriceCatalogue, dates: PriceDates, now: number): ModelRow[] {
  return Object.entries(config.models).flatMap(([alias, model]) => {
    const provider = config.providers[model.provider];
    if (provider === undefined) return [];
    const source = model.price === undefined ? 'unknown' : (model.price_source ?? 'config');
    return [
      {
        alias,
        provider: model.provider,
        id: model.id,
        price: model.price,
        source,
        asOf: asOf(
          source,
          dates.lock?.models[alias]?.date,
          source === catalogue.source ? dates.catalogue : undefined,
          now,
        ),
        context: model.context,
        maxOutput: model.max_output,
        tier: model.tier,
        capabilities: model.capabilities,
        warnings: warningsOf(model, provider, catalogue),
      },
    ];
  });
}

function asOf(
  source: string,
  locked: string | undefined,
  published: string | undefined,
  now: number,
): ModelRow['asOf'] {
  const told = source.startsWith('lock(') ? locked : /@(\d{4}-\d\d-\d\d)$/.exec(source)?.[1];
  const date = told ?? published;
  if (date === undefined || Number.isNaN(Date.parse(date))) return undefined;
  return { date, atLeast: told === undefined, ageDays: Math.max(0, Math.floor((now - Date.parse(date)) / DAY_MS)) };
}

/** The table's columns and cells. */
export function renderModels(rows: readonly ModelRow[]): [readonly Column[], string[][]] {
  const columns: Column[] = [
    { title: 'model' },
    { title: 'provider' },
    { title: 'id' },
    { title: '$ in', align: 'right' },
    { title: '$ out', align: 'right' },
    { title: 'price from' },
    { title: 'age', align: 'right' },
    { title: 'context', align: 'right' },
    { title: 'tier' },
    { title: 'can' },
    { title: 'note' },
  ];
  const cells = rows.map((row) => [
    row.alias,
    row.provider,
    row.id,
    row.price === undefined ? '?' : String(row.price.input),
    row.price === undefined ? '?' : String(row.price.output),
    row.source,
    row.asOf === undefined ? '-' : `${row.asOf.atLeast ? '<= ' : ''}${row.asOf.ageDays} d`,
    row.context === undefined ? '-' : formatCount(row.context),
    row.tier,
    row.capabilities.join(' '),
    row.warnings.map(({ kind }) => kind).join(', '),
  ]);
  return [columns, cells];
}

/** A row for programs, in the words of the configuration. */
export function modelFacts(row: ModelRow): object {
  return {
    alias: row.alias,
    provider: row.provider,
    id: row.id,
    price: row.price ?? null,
    price_source: row.source,
    price_date: row.asOf?.date ?? null,
    context: row.context ?? null,
    max_output: row.maxOutput,
    tier: row.tier,
    capabilities: row.capabilities,
    warnings: row.warnings,
  };
}
