import { type ExperimentPlan, type Standing, withOutcome, withUnit } from './experiment-standing.ts';

/** Something that happened to a unit under a variant. */
export type UnitEvent = {
  unit: string;
  variant: string;
  /** What it adds to the unit's outcome: a score, nano-dollars, milliseconds. */
  amount: number;
  /** The outcome is complete. A call that failed is not its end: what it cost is part of what the answer will have cost. */
  isLast: boolean;
  /** Epoch milliseconds. */
  at: number;
};

/** What is kept of a unit: its variant, and what its outcome adds up to so far; null once that was counted. */
export type UnitState = { variant: string; amount: number | null };

/** So many units are counted, and then no more: what they do not show is too small to matter. */
export const MOST_UNITS = 100_000;

/**
 * With the events, in their order. `units` holds all units of these events that are known, and is added to. A unit counts
 * for the variant in which it was seen first, and once.
 */
export function withEvents(
  standing: Standing,
  plan: ExperimentPlan,
  units: Map<string, UnitState>,
  events: readonly UnitEvent[],
): Standing {
  let room = MOST_UNITS - unitsIn(standing);
  let next = standing;
  for (const { unit, variant, amount, isLast, at } of events) {
    let state = units.get(unit);
    if (state === undefined) {
      if (room <= 0) continue;
      room -= 1;
      state = { variant, amount: 0 };
      next = withUnit(next, plan, variant);
    }
    if (state.variant !== variant || state.amount === null) continue;
    const value = state.amount + amount;
    if (isLast) next = withOutcome(next, plan, { variant, value, at });
    units.set(unit, { variant, amount: isLast ? null : value });
  }
  return next;
}

function unitsIn({ arms }: Standing): number {
  return Object.values(arms).reduce((sum, { units }) => sum + units, 0);
}
