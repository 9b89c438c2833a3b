import type { Utility } from './utility.ts';

/** As the job, the variant or the task lists them; without a list as the configuration declares them. */
export const orderUtility: Utility = (survivors, { places }) =>
  survivors.map(({ model }) => -(places.get(model.alias) ?? places.size));
