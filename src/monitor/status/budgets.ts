import { purseOf } from '../../domain/budget.ts';
import type { BudgetConfig } from '../../domain/config.ts';
import { usdToNanos } from '../../domain/money.ts';
import { DIMENSION_NAMES, type UsageDimension } from '../../domain/usage-sums.ts';
import type { BudgetStore } from '../../store/budgets.ts';
import type { Spend } from './spend.ts';

/** How much of a budget is spent in its window. */
export type BudgetStatus = {
  /** Its name, or that of a purse of it: `per-user/ada`; `key:ID` of a virtual key. */
  purse: string;
  /** What people call that key. */
  keyName?: string;
  window: BudgetConfig['window'];
  spentNanos: number;
  heldNanos: number;
  limitNanos: number;
  isSoft: boolean;
  alertAt?: number;
  /** Epoch ms; never for `total`. */
  endsAt?: number;
};

/** How much of it is spent or held; above 1 it is overspent. */
export function shareOf({ spentNanos, heldNanos, limitNanos }: BudgetStatus): number {
  return limitNanos <= 0 ? 1 : (spentNanos + heldNanos) / limitNanos;
}

type Budgets = Readonly<Record<string, BudgetConfig>>;

const MOST_BUDGETS = 30;
/** Of a budget with a purse for each user, account, ...: those of the ones who spend most today. */
const PURSES_OF_EACH = 3;

/** By what usage has to be read to know whose purses are to be shown. */
export function dimensionsOf(budgets: Budgets): UsageDimension[] {
  return DIMENSION_NAMES.filter((dimension) => Object.values(budgets).some(({ per }) => per === dimension));
}

/** Budgets of one purse, and the purses of today's dearest. Those of single jobs and batches are not looked at. */
export async function readBudgets(
  store: Pick<BudgetStore, 'standing' | 'limits'>,
  budgets: Budgets,
  spend: Spend,
): Promise<BudgetStatus[]> {
  const wanted = Object.entries(budgets)
    .flatMap(([name, budget]) => pursesOf(name, budget, spend).map((purse) => ({ name, purse, budget })))
    .slice(0, MOST_BUDGETS);
  const [limits, ...standings] = await Promise.all([
    store.limits(),
    ...wanted.map(({ purse, budget }) => store.standing(purse, budget.window)),
  ]);
  return wanted.flatMap(({ name, purse, budget }, index) => {
    const standing = standings[index];
    if (standing === undefined) return [];
    const { spentNanos, heldNanos, toppedUpNanos, endsAt } = standing;
    const limitNanos = limits.get(purse) ?? limits.get(name) ?? usdToNanos(budget.limit_usd);
    return {
      purse,
      window: budget.window,
      spentNanos,
      heldNanos,
      limitNanos: limitNanos + toppedUpNanos,
      isSoft: budget.soft,
      ...(budget.alert_at === undefined ? {} : { alertAt: budget.alert_at }),
      ...(endsAt === undefined ? {} : { endsAt }),
    };
  });
}

function pursesOf(name: string, { per }: BudgetConfig, spend: Spend): string[] {
  if (per === undefined) return [name];
  if (per === 'job' || per === 'batch') return [];
  return (spend.shares.get(per) ?? []).slice(0, PURSES_OF_EACH).map(({ name: value }) => purseOf(name, value ?? ''));
}
