import { CAPABILITIES, type Capability, type ModelSpec, TIERS } from '../domain/model.ts';
import type { TokenPrice } from '../domain/money.ts';

/**
 * The models as columns of numbers: what is known of the model in row `n` of the catalogue stands at place `n` of each.
 *
 * A decision looks at every model and asks a handful. It therefore reads and compares numbers that lie side by side, by
 * row, and builds objects for the few that it chooses.
 */
export type Columns = {
  /** By alias, so that rows in ascending order are aliases in ascending order. */
  models: readonly ModelSpec[];
  /** Every row, ascending. */
  rows: readonly number[];
  rowOf: ReadonlyMap<string, number>;
  prices: readonly TokenPrice[];
  contextTokens: Float64Array;
  maxOutputTokens: Float64Array;
  /** One bit for each capability; see `abilitiesOf`. */
  abilities: Uint8Array;
  /** Places in `TIERS`. */
  tiers: Uint8Array;
  weights: Float64Array;
  /** Expected quality, 0 to 1, for a task (null: any). */
  scoresFor: (task: string | null) => Float64Array;
};

/** For each row its place in a list of aliases, or `UNLISTED`. */
export type Places = Int32Array;

export const UNLISTED = -1;

export function createColumns(models: readonly ModelSpec[]): Columns {
  const column = (figure: (model: ModelSpec) => number): Float64Array => Float64Array.from(models, figure);
  const tasks = new Set(models.flatMap((model) => [...model.scores.keys()]));
  const scoresByTask = new Map(
    [...tasks].map((task) => [task, column((model) => model.scores.get(task) ?? model.defaultScore)]),
  );
  const defaultScores = column((model) => model.defaultScore);
  return {
    models,
    rows: [...models.keys()],
    rowOf: new Map(models.map((model, row) => [model.alias, row])),
    prices: models.map((model) => model.price),
    contextTokens: column((model) => model.contextTokens),
    maxOutputTokens: column((model) => model.maxOutputTokens),
    abilities: Uint8Array.from(models, (model) => abilitiesOf(model.capabilities)),
    tiers: Uint8Array.from(models, (model) => TIERS.indexOf(model.tier)),
    weights: column((model) => model.weight),
    scoresFor: (task) => (task === null ? undefined : scoresByTask.get(task)) ?? defaultScores,
  };
}

export function abilitiesOf(capabilities: Iterable<Capability>): number {
  let bits = 0;
  for (const capability of capabilities) bits |= 1 << CAPABILITIES.indexOf(capability);
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
