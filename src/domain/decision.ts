import { z } from 'zod';

/** A candidate in short: alias, expected score and its standard deviation, expected cost in USD, median latency in ms. */
const Considered = z.tuple([z.string(), z.number(), z.number(), z.number(), z.number()]);
export type Considered = z.infer<typeof Considered>;

/**
 * Why a model was asked, as it stands in the usage record of the attempt: short enough to be kept for every one. Long
 * aliases are cut, and of long lists only what comes first is there.
 */
export const Decision = z.object({
  /** The job's; none when it named none. */
  task: z.string().optional(),
  /** The task that was read from the prompt, and how sure that is (0..1). */
  guess: z.tuple([z.string(), z.number()]).optional(),
  strategy: z.string(),
  /** The best of those that might have served the job, in the order of preference. */
  candidates: z.array(Considered),
  /** By reason: how many models were left out, and the first of them. */
  filters: z.record(z.string(), z.tuple([z.int()]).rest(z.string())).optional(),
  chosen: z.string(),
  /**
   * - `only`: nothing else was left to choose from.
   * - `fallback`: those that stood before it were tried, or turned the job away.
   * - else what the router says: `best` or `explored`.
   */
  why: z.string(),
  /** The score that a cheaper choice had to keep, and the best single model that it comes from. */
  floor: z.tuple([z.number(), z.string()]).optional(),
  /** Limits that were put aside; see `routing.on_no_candidate`. */
  relaxed: z.string().optional(),
  /** The tier that was guessed from the prompt. */
  tier: z.string().optional(),
  /** `experiment:variant`. */
  variant: z.string().optional(),
  /** By how much cost weighed more than configured, for the sake of a budget. */
  pressure: z.number().optional(),
});
export type Decision = z.infer<typeof Decision>;

/** In bytes, as JSON. */
export const LONGEST_DECISION = 1_000;
export const MOST_CONSIDERED = 8;
const LONGEST_NAME = 48;

export function shortName(name: string): string {
  return name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - 1)}~`;
}

/** Leaves out what is least telling until the record is short enough: names of those left out, then the last candidates. */
export function fitDecision(decision: Decision): Decision {
  if (isShort(decision)) return decision;
  const filters: Decision['filters'] = {};
  for (const [reason, [count]] of Object.entries(decision.filters ?? {})) filters[reason] = [count];
  let fitted: Decision = { ...decision, filters };
  while (!isShort(fitted) && fitted.candidates.length > 1) {
    fitted = { ...fitted, candidates: fitted.candidates.slice(0, -1) };
  }
  return fitted;
}

/** Names are ASCII, so that characters are bytes. */
function isShort(decision: Decision): boolean {
  return JSON.stringify(decision).length <= LONGEST_DECISION;
}
