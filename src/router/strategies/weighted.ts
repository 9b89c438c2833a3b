import type { Utility } from './utility.ts';

/**
 * Drawn one after the other without replacement, each with a chance in proportion to its weight; weight 0 comes last.
 * Method: key ln(u) / weight, largest first (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006).
 */
export const weightedUtility: Utility = ({ rows, weights }, { random }, utilities) => {
  for (const row of rows) {
    const draw = random();
    const weight = weights[row] as number;
    utilities[row] = weight > 0 ? Math.log(draw) / weight : -Infinity;
  }
};
