import type { Utility } from './utility.ts';

/** As the job, the variant or the task lists them; without a list as the configuration declares them. */
export const orderUtility: Utility = ({ rows }, { places }, utilities) => {
  for (const row of rows) utilities[row] = -(places[row] as number);
};
