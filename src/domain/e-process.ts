/**
 * Tests that may be looked at after every outcome. An e-process is what somebody has made of 1 who bets against the null
 * hypothesis at fair odds: while the null hypothesis is true, it comes to 1 / alpha with probability alpha at the most,
 * ever (Ville 1939). So whoever stops when it does is wrong no more often than alpha, however often they have looked.
 * Ramdas, Grünwald, Vovk, Shafer 2023, "Game-theoretic statistics and safe anytime-valid inference".
 */

/**
 * The natural logarithm of the evidence that outcomes of several kinds do not come in the proportions `shares`, which sum
 * to 1: the likelihood of the counts, averaged over all other proportions by a Dirichlet distribution around `shares`,
 * over their likelihood under `shares`. The greater the `concentration`, the smaller the differences that it looks for.
 * Lindon and Malek 2022, "Anytime-valid inference for multinomial count data".
 */
export function logEvidence(counts: readonly number[], shares: readonly number[], concentration: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let log = logGamma(concentration) - logGamma(concentration + total);
  for (const [kind, count] of counts.entries()) {
    const share = shares[kind] ?? 0;
    log += logGamma(concentration * share + count) - logGamma(concentration * share) - count * Math.log(share);
  }
  return log;
}

const EVEN = [0.5, 0.5];
/** All chances of a win from 0 to 1 are thought equally likely. */
const UNIFORM = 2;

/**
 * The natural logarithm of the evidence that wins and losses are not equally likely:
 * Beta(wins + 1, losses + 1) * 2^(wins + losses).
 */
export function logSignEvidence(wins: number, losses: number): number {
  return logEvidence([wins, losses], EVEN, UNIFORM);
}

/** Natural logarithm of the gamma function, for x > 0, by Stirling's series (Abramowitz and Stegun 6.1.41). */
export function logGamma(x: number): number {
  let product = 1;
  let from = x;
  // The series is exact to the last digits from 10 on.
  while (from < 10) {
    product *= from;
    from += 1;
  }
  const inverse = 1 / (from * from);
  const series =
    (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1_260 - inverse * (1 / 1_680 - inverse / 1_188)))) / from;
  return (from - 0.5) * Math.log(from) - from + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product);
}
