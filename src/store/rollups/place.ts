import { DIMENSION_NAMES, type UsageDimension } from '../../domain/usage-sums.ts';

/**
 * The keys of rollups. All begin with a root, so that others can be built beside those that are read:
 *
 * - `<root>`: hash; `position` is the id of the last record that was counted.
 * - `<root>:days`: set of the days that have some.
 * - `<root>:<day>:<dimension>`: hash; `<measure><value>` -> sum, and `values`: how many values have a name.
 */
export function createPlace(root: string) {
  return {
    root,
    days: `${root}:days`,
    of: (day: string, dimension: UsageDimension) => `${root}:${day}:${dimension}`,
    allOf: (day: string) => DIMENSION_NAMES.map((dimension) => `${root}:${day}:${dimension}`),
  };
}

/**
 * A value of a dimension as it is kept, none and the rest told from any name: `=ann` is the user `ann`, `-` a record
 * without a user, `~` all users beyond the number that a day has room for.
 */
const NO_VALUE = '-';
export const OTHER_VALUES = '~';
/** How many values a dimension may have on one day, each with sums of its own. */
export const MOST_VALUES = 10_000;

export function encodeValue(value: string | undefined): string {
  // Half a surrogate pair would come back from Redis as another text than it was.
  return value === undefined ? NO_VALUE : `=${value.toWellFormed()}`;
}

/** For people: undefined for none. */
export function nameOfValue(encoded: string): string | undefined {
  if (encoded === OTHER_VALUES) return '(others)';
  return encoded === NO_VALUE ? undefined : encoded.slice(1);
}
