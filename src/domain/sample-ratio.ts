import { logEvidence } from './e-process.ts';

/**
 * Whether units come to the variants in the proportions that were configured. Where they do not, something other than
 * chance decides who is in which (a variant whose jobs are lost, say), and no difference between them can be trusted.
 * Fabijan and others 2019, "Diagnosing sample ratio mismatch in online controlled experiments".
 */

/**
 * What is looked for: proportions that are wrong by some hundredths, as faults make them. By simulation (medians) it is
 * found out that of two even variants one gets all units after 25, 60 % after 400, 52 % after 11,000 units.
 */
const CONCENTRATION = 20;

/** The natural logarithm of the evidence from which on it is raised: a false alarm in a thousand experiments, ever. */
export const LOG_MISMATCH = Math.log(1_000);

/** The natural logarithm of the evidence that units do not come in proportion to the weights, which are above 0. */
export function logMismatch(counts: readonly number[], weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return logEvidence(
    counts,
    weights.map((weight) => weight / total),
    CONCENTRATION,
  );
}
