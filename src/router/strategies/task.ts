import type { Utility } from './utility.ts';

/** Best expected score for the task first. */
export const taskUtility: Utility = (survivors) => survivors.map((candidate) => candidate.predicted.score);
