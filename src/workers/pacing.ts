import { type BudgetWindow, coversJob, purseOf, windowId } from '../domain/budget.ts';
import type { BudgetConfig, Config } from '../domain/config.ts';
import type { QueuedJob } from '../domain/job.ts';
import { usdToNanos } from '../domain/money.ts';
import { costPressure } from '../domain/pacing.ts';
import { windowEndOf } from '../store/budgets.ts';
import type { PacedPurse, PacedStanding } from '../store/paced-purses.ts';

/** How much cost weighs for the sake of budgets that are to last for their windows. */
export type Pacer = {
  /** For one job: the most that a budget behind it asks for; 1 without one, or while its purse was not looked at yet. */
  pressureFor(job: Pick<QueuedJob, 'account' | 'task' | 'user'>): number;
  /** Looks at the purses of the jobs that were asked about lately. */
  refresh(): Promise<void>;
};

export type PacerOptions = {
  budgets: Config['budgets'];
  read: (purses: readonly PacedPurse[], now: number) => Promise<PacedStanding[]>;
  /** Epoch ms by the clock that decides in which window money is spent. */
  now: () => number;
};

/** Accounts that send nothing for so long need not be looked at. */
const FORGOTTEN_AFTER_MS = 60_000;
/** With more accounts at a time, those that were asked about longest ago go unpaced. */
const MOST_PURSES = 1_000;

export function createPacer({ budgets, read, now }: PacerOptions): Pacer {
  const paced = Object.entries(budgets).filter(([, { pace }]) => pace);
  /** By purse, those that were asked about last at the end. */
  const asked = new Map<string, PacedPurse & { at: number }>();
  let pressures = new Map<string, number>();

  function pressureFor(job: Pick<QueuedJob, 'account' | 'task' | 'user'>): number {
    let most: number | undefined;
    for (const [name, budget] of paced) {
      if (!coversJob(budget, job)) continue;
      const purse = budget.per === 'account' ? purseOf(name, job.account) : name;
      notice(purse, name, budget);
      most = Math.max(most ?? 0, pressures.get(purse) ?? 1);
    }
    return most ?? 1;
  }

  function notice(purse: string, name: string, { window, limit_usd }: BudgetConfig): void {
    const known = asked.get(purse) ?? { purse, name, window, limitNanos: usdToNanos(limit_usd) };
    asked.delete(purse);
    asked.set(purse, { ...known, at: now() });
    if (asked.size <= MOST_PURSES) return;
    const [oldest] = asked.keys();
    if (oldest !== undefined) asked.delete(oldest);
  }

  async function refresh(): Promise<void> {
    const time = now();
    for (const [purse, { at }] of asked) if (at + FORGOTTEN_AFTER_MS < time) asked.delete(purse);
    const purses = [...asked.values()];
    if (purses.length === 0) return;
    const standings = await read(purses, time);
    pressures = new Map(
      purses.map(({ purse, window }, index) => {
        const { spentNanos, limitNanos } = standings[index] ?? { spentNanos: 0, limitNanos: 0 };
        return [purse, costPressure(spentNanos / limitNanos, elapsedShare(window, time))];
      }),
    );
  }

  return { pressureFor, refresh };
}

function elapsedShare(window: BudgetWindow, time: number): number {
  const endsAt = windowEndOf(window, time);
  if (endsAt === undefined) return 1;
  const id = windowId(window, time);
  const beganAt = Date.parse(window === 'hour' ? `${id}:00Z` : id);
  return (time - beganAt) / (endsAt - beganAt);
}
