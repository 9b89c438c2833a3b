import type { Utility } from './utility.ts';

/** Best expected score for the task first, less a part of its uncertainty. */
export const taskUtility: Utility = ({ rows, scores }, _, utilities) => {
  for (const row of rows) utilities[row] = scores[row] as number;
};
