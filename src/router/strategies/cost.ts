import type { Utility } from './utility.ts';

/** Least expected cost first. */
export const costUtility: Utility = (survivors) => survivors.map((candidate) => -candidate.predicted.costNanos);
