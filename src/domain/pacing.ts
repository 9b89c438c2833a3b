/** The bounds of what pacing may do to the weight of cost. */
const LEAST_PRESSURE = 1 / 4;
const MOST_PRESSURE = 16;

/** Shares below this are too early to tell anything by. */
const CAUTION = 0.02;
const STEEPNESS = 2;

/**
 * By how much cost must weigh more (above 1) or may weigh less than configured, so that a budget lasts for its window.
 * The odds of what is spent against those of the time that has passed: 1 while money goes as evenly as time, more the
 * further ahead it is, and the most there is when nothing is left.
 *
 * It is a controller in the spirit of the dual ascent of budgeted online problems, by which a price grows with what was
 * overspent, but without a state of its own: workers that see the same purse come to the same.
 *
 * `spentShare` of the limit, `elapsedShare` of the window (0..1). A purse that nothing was spent of says nothing yet.
 */
export function costPressure(spentShare: number, elapsedShare: number): number {
  if (!(spentShare > 0)) return 1;
  const elapsed = Math.min(1, Math.max(0, elapsedShare));
  const left = Math.max(Number.EPSILON, 1 - spentShare);
  const spentOdds = (spentShare + CAUTION) / left;
  const elapsedOdds = (elapsed + CAUTION) / (1 - elapsed + CAUTION);
  return Math.min(MOST_PRESSURE, Math.max(LEAST_PRESSURE, (spentOdds / elapsedOdds) ** STEEPNESS));
}
