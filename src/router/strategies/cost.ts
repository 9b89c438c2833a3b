import type { Utility } from './utility.ts';

/** Least expected cost first. */
export const costUtility: Utility = ({ rows, costNanos }, _, utilities) => {
  for (const row of rows) utilities[row] = -(costNanos[row] as number);
};
