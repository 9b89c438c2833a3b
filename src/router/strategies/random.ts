import type { Utility } from './utility.ts';

/** Every order is equally likely. */
export const randomUtility: Utility = (survivors, { random }) => survivors.map(() => random());
