import type { ExperimentConfig } from './experiment-config.ts';

/**
 * Who takes part in an experiment: units whose place in [0, 1) is in [from, to). Those of one exclusion group have places
 * by the same hash, side by side, so that nobody is in two of them.
 */
export type ExperimentPart = { group: string | undefined; from: number; to: number };

/** By name; undefined for an experiment in which all take part. In a group the places go in the order of the file. */
export function partsOf(
  experiments: Readonly<Record<string, ExperimentConfig>>,
): ReadonlyMap<string, ExperimentPart | undefined> {
  const taken = new Map<string, number>();
  return new Map(
    Object.entries(experiments).map(
      ([name, { exclusion_group: group, share }]): [string, ExperimentPart | undefined] => {
        if (group === undefined) return [name, share === 1 ? undefined : { group, from: 0, to: share }];
        const from = taken.get(group) ?? 0;
        const to = sumOf(from, share);
        taken.set(group, to);
        return [name, { group, from, to }];
      },
    ),
  );
}

/** Shares are decimal: the same ones in another order come to the same sum. */
function sumOf(from: number, share: number): number {
  return Number((from + share).toFixed(12));
}
