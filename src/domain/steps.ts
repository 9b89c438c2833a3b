/**
 * What a check may still cost. A schema and an answer are written by others, and one that is made for it could hold a
 * worker, with all that it has in hand, for as long as it likes. So whatever takes time is counted, and not timed: the
 * same check ends in the same way everywhere.
 */
export type Steps = { left: number };

/** Of some 0.2 us each. An honest check of a long answer is far below. */
const MOST_STEPS = 200_000;

export function createSteps(): Steps {
  return { left: MOST_STEPS };
}

/** Throws a RangeError when there are none left. */
export function spend(steps: Steps, count: number): void {
  steps.left -= count;
  if (steps.left < 0) throw new RangeError('this cannot be checked in bounded time');
}
