import type { Utility } from './utility.ts';

/** Least predicted median latency first. */
export const latencyUtility: Utility = ({ rows, latencyMs }, _, utilities) => {
  for (const row of rows) utilities[row] = -(latencyMs[row] as number);
};
