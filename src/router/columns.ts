import type { Config } from '../domain/config.ts';
import { type Feature, FEATURES } from '../domain/features.ts';
import { CAPABILITIES, type Capability, type ModelSpec, TIERS } from '../domain/model.ts';
import { UNKNOWN_SOURCE } from '../domain/price.ts';
import { boundPrices, expectedPrices, type PriceColumn } from './price-column.ts';

/**
 * The models as columns of numbers: what is known of the model in row `n` of the catalogue stands at place `n` of each.
 *
 * A decision looks at every model and asks a handful. It therefore reads and compares numbers that lie side by side, by
 * row, and builds objects for the few that it chooses. Where it does much in one loop it counts an index: `for...of` would
 * leave an object behind for each row.
 */
export type Columns = {
  /** By alias, so that rows in ascending order are aliases in ascending order. */
  models: readonly ModelSpec[];
  /** Every row, ascending. */
  rows: readonly number[];
  rowOf: ReadonlyMap<string, number>;
  /** What calls will probably cost, and what they can cost at the most. */
  prices: { expected: PriceColumn; bound: PriceColumn };
  /** 1 for a model that no job is sent to, because nobody knows its price. */
  barred: Uint8Array;
  contextTokens: Float64Array;
  maxOutputTokens: Float64Array;
  /** One bit for each capability; see `abilitiesOf`. */
  abilities: Uint8Array;
  /** 1 for a model that embeds; all others chat. */
  embeds: Uint8Array;
  /** One bit for each feature that requests to the model cannot express; see `featureBitsOf`. */
  lacks: Uint8Array;
  /** Places in `TIERS`. */
  tiers: Uint8Array;
  weights: Float64Array;
  /** Whether any model has more than one deployment. */
  hasDeployments: boolean;
};

/** For each row its place in a list of aliases, or `UNLISTED`. */
export type Places = Int32Array;

export const UNLISTED = -1;

export function createColumns(
  models: readonly ModelSpec[],
  { providers, routing }: Pick<Config, 'providers' | 'routing'>,
): Columns {
  const column = (figure: (model: ModelSpec) => number): Float64Array => Float64Array.from(models, figure);
  return {
    models,
    rows: [...models.keys()],
    rowOf: new Map(models.map((model, row) => [model.alias, row])),
    prices: { expected: expectedPrices(models), bound: boundPrices(models, (name) => providers[name]?.kind) },
    barred: Uint8Array.from(models, ({ priceSource }) =>
      priceSource === UNKNOWN_SOURCE && !routing.allow_unpriced ? 1 : 0,
    ),
    contextTokens: column((model) => model.contextTokens),
    maxOutputTokens: column((model) => model.maxOutputTokens),
    abilities: Uint8Array.from(models, (model) => abilitiesOf(model.capabilities)),
    embeds: Uint8Array.from(models, (model) => (model.capabilities.has('embeddings') ? 1 : 0)),
    lacks: Uint8Array.from(models, (model) => featureBitsOf(model.lacks)),
    tiers: Uint8Array.from(models, (model) => TIERS.indexOf(model.tier)),
    weights: column((model) => model.weight),
    hasDeployments: new Set(models.map(({ family }) => family)).size < models.length,
  };
}

export function abilitiesOf(capabilities: Iterable<Capability>): number {
  let bits = 0;
  for (const capability of capabilities) bits |= 1 << CAPABILITIES.indexOf(capability);
  return bits;
}

export function featureBitsOf(features: Iterable<Feature>): number {
  let bits = 0;
  for (const feature of features) bits |= 1 << FEATURES.indexOf(feature);
  return bits;
}

/** An alias that is listed twice has its first place; one that is not configured has none. */
export function placesOf({ models, rowOf }: Columns, aliases: readonly string[]): Places {
  const places = new Int32Array(models.length).fill(UNLISTED);
  for (const [place, alias] of aliases.entries()) {
    const row = rowOf.get(alias);
    if (row !== undefined && places[row] === UNLISTED) places[row] = place;
  }
  return places;
}
