import type { Utility } from './utility.ts';

/** Least predicted median latency first. */
export const latencyUtility: Utility = (survivors) => survivors.map((candidate) => -candidate.predicted.latencyMs);
