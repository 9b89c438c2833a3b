import type { Utility } from './utility.ts';

/** One after the other, each worker by itself; the rest of the chain follows in the same order. */
export const roundRobinUtility: Utility = ({ rows }, { turn }, utilities) => {
  const first = turn % rows.length;
  for (let index = 0; index < rows.length; index += 1) {
    utilities[rows[index] as number] = -((index - first + rows.length) % rows.length);
  }
};
