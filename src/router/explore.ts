import type { Expectations } from './evidence/learned.ts';

/**
 * Scores as they may be: one draw for each model from what is believed of it (Thompson sampling). A model that is little
 * known has now and then the best of them, one that is known to be worse hardly ever.
 */
export function drawScores({ scores, deviations }: Expectations, random: () => number): Float64Array {
  return scores.map((score, row) => score + (deviations[row] as number) * normal(random));
}

/** Standard normal (Box and Muller, 1958). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
