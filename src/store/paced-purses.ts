import type { Redis } from 'ioredis';
import { type BudgetWindow, windowId } from '../domain/budget.ts';
import type { Keys } from './keys.ts';

/** A purse whose money is to last for its window. */
export type PacedPurse = {
  purse: string;
  /** Of its budget. */
  name: string;
  window: BudgetWindow;
  /** As configured. */
  limitNanos: number;
};

/** What is spent of a purse now, and what its limit is now, set or topped up; in nano-dollars. */
export type PacedStanding = { spentNanos: number; limitNanos: number };

/** The purses as they stand at `now` (epoch ms), in the order asked for: one round trip for all of them. */
export async function readPacedPurses(
  redis: Redis,
  keys: Keys,
  purses: readonly PacedPurse[],
  now: number,
): Promise<PacedStanding[]> {
  const read = async ({ purse, name, window, limitNanos }: PacedPurse): Promise<PacedStanding> => {
    const [[spent, toppedUp], [ofPurse, ofBudget]] = await Promise.all([
      redis.hmget(keys.budget(purse, windowId(window, now)), 'spent', 'topped_up'),
      redis.hmget(keys.budgetLimits, purse, name),
    ]);
    return {
      spentNanos: Number(spent ?? 0),
      limitNanos: Number(ofPurse ?? ofBudget ?? limitNanos) + Number(toppedUp ?? 0),
    };
  };
  return Promise.all(purses.map(read));
}
