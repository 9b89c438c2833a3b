import type { Utility } from './utility.ts';

/** Every order is equally likely. */
export const randomUtility: Utility = ({ rows }, { random }, utilities) => {
  for (const row of rows) utilities[row] = random();
};
