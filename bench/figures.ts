/** A figure measured several times. */
export type Figure = { median: number; least: number; most: number; runs: number };

export function figureOf(values: readonly number[]): Figure {
  const ordered = values.toSorted((left, right) => left - right);
  const middle = Math.floor(ordered.length / 2);
  const at = (index: number): number => ordered[index] ?? Number.NaN;
  return {
    median: ordered.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2,
    least: at(0),
    most: at(ordered.length - 1),
    runs: ordered.length,
  };
}

/** One field of every run as a figure. */
export function pluck<Run>(runs: readonly Run[], value: (run: Run) => number): Figure {
  return figureOf(runs.map(value));
}

/** The ratio of runs that were made one after the other: what the machine does between pairs cancels out. */
export function ratioOf<Run>(runs: readonly Run[], base: readonly Run[], value: (run: Run) => number): Figure {
  return figureOf(runs.map((run, index) => value(run) / value(base[index] as Run)));
}

/** `5,432 (5,120 to 5,610)`. */
export function formatFigure({ median, least, most }: Figure, digits = 0): string {
  const format = (value: number): string =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return least === most ? format(median) : `${format(median)} (${format(least)} to ${format(most)})`;
}

/** The value that so many of them do not pass; NaN when there are none. */
export function percentileOf(ordered: Float64Array, share: number): number {
  return ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))] ?? Number.NaN;
}
