import type { ApiKey } from '../domain/api-key.ts';
import { type BudgetWindow, type OnExhausted, batchBudget, keyBudget } from '../domain/budget.ts';
import type { Config } from '../domain/config.ts';
import { formatUsd, nanosToUsd, usdToNanos } from '../domain/money.ts';
import type { ApiKeyStore } from '../store/api-keys.ts';
import type { BatchStore } from '../store/batches.ts';
import type { BudgetStore, PurseStanding } from '../store/budgets.ts';
import type { Parking } from '../store/parking.ts';
import { type Column, renderTable } from './table.ts';

/** A purse as it is shown: how it stands, what its budget says, and who waits for it. */
export type BudgetLine = PurseStanding & {
  budget: string;
  window: BudgetWindow;
  /** What holds now: as configured or set by hand, and topped up. */
  limitNanos: number;
  /** It was set by hand. */
  isSet: boolean;
  isSoft: boolean;
  alertAt?: number;
  onExhausted: OnExhausted;
  parked: number;
};

export type BudgetStores = {
  config: Config;
  budgets: BudgetStore;
  batches: BatchStore;
  apiKeys: ApiKeyStore;
  parking: Parking;
};

/** What a budget says, whichever of its purses it is asked about. */
export type BudgetTerms = Pick<BudgetLine, 'budget' | 'window' | 'isSoft' | 'alertAt' | 'onExhausted'> & {
  limitNanos: number;
};

/**
 * Every configured budget, and every purse in use: by user and the like, and of batches that have not ended. Besides the
 * budgets of virtual keys that are not revoked.
 */
export async function readBudgetLines(stores: BudgetStores): Promise<BudgetLine[]> {
  const { config, budgets, parking, apiKeys } = stores;
  const [current, parkedPurses, keys] = await Promise.all([budgets.current(), parking.purses(), apiKeys.list()]);
  const purses = [...new Set([...current.map(({ purse }) => purse), ...parkedPurses])].toSorted();
  const wanted = Object.entries(config.budgets).flatMap(([name, { per }]) => {
    const terms = termsOf(name, config);
    const own = per === undefined ? [name] : purses.filter((purse) => purse.startsWith(`${name}/`));
    return terms ? own.map((purse) => ({ purse, terms })) : [];
  });
  const ofBatches = await Promise.all(
    purses.filter((purse) => purse.startsWith(batchBudget(''))).map((purse) => openBatch(purse, stores)),
  );
  const ofKeys = keys.flatMap((key) => {
    const terms = key.revoked_at === undefined ? termsOfKey(key) : undefined;
    return terms ? [{ purse: terms.budget, terms }] : [];
  });
  const limits = await budgets.limits();
  const all = [...wanted, ...ofKeys, ...ofBatches.flat()];
  return Promise.all(all.map(({ purse, terms }) => readBudgetLine(purse, terms, limits, stores)));
}

/** `limits`: those that were set by hand. */
export async function readBudgetLine(
  purse: string,
  { limitNanos, ...terms }: BudgetTerms,
  limits: ReadonlyMap<string, number>,
  { budgets, parking }: BudgetStores,
): Promise<BudgetLine> {
  const [standing, parked] = await Promise.all([
    budgets.standing(purse, terms.window),
    parking.count(purse, Date.now()),
  ]);
  const set = limits.get(purse) ?? limits.get(terms.budget);
  const whole = (set ?? limitNanos) + standing.toppedUpNanos;
  return { ...standing, ...terms, limitNanos: whole, isSet: set !== undefined, parked };
}

export function termsOf(name: string, { budgets }: Config): BudgetTerms | undefined {
  const budget = Object.hasOwn(budgets, name) ? budgets[name] : undefined;
  if (!budget) return undefined;
  const { window, limit_usd, soft, alert_at, on_exhausted } = budget;
  return {
    budget: name,
    window,
    limitNanos: usdToNanos(limit_usd),
    isSoft: soft,
    ...(alert_at === undefined ? {} : { alertAt: alert_at }),
    onExhausted: on_exhausted,
  };
}

/** Undefined for a batch without a cap of its own. */
export function termsOfBatch(purse: string, maxTotalNanos: number): BudgetTerms {
  return { budget: purse, window: 'total', limitNanos: maxTotalNanos, isSoft: false, onExhausted: 'reject' };
}

/** Undefined for a key without a budget of its own. */
export function termsOfKey({ id, terms }: ApiKey): BudgetTerms | undefined {
  const { budget_usd: limitUsd, budget_window: window } = terms;
  if (limitUsd === undefined) return undefined;
  return { budget: keyBudget(id), window, limitNanos: usdToNanos(limitUsd), isSoft: false, onExhausted: 'reject' };
}

async function openBatch(purse: string, { batches }: BudgetStores): Promise<{ purse: string; terms: BudgetTerms }[]> {
  const status = await batches.status(purse.slice(batchBudget('').length));
  if (status?.maxTotalNanos === undefined || status.state === 'finished' || status.state === 'cancelled') return [];
  return [{ purse, terms: termsOfBatch(purse, status.maxTotalNanos) }];
}

function leftOf({ limitNanos, spentNanos, heldNanos }: BudgetLine): number {
  return limitNanos - spentNanos - heldNanos;
}

const COLUMNS: readonly Column[] = [
  { title: 'budget' },
  { title: 'window' },
  { title: 'limit', align: 'right' },
  { title: 'spent', align: 'right' },
  { title: 'held', align: 'right' },
  { title: 'left', align: 'right' },
  { title: 'resets (UTC)' },
  { title: 'alert' },
  { title: 'parked', align: 'right' },
];

export function renderBudgets(lines: readonly BudgetLine[]): string[] {
  return renderTable(
    COLUMNS,
    lines.map((line) => [
      line.purse,
      line.window,
      limitText(line),
      formatUsd(line.spentNanos),
      formatUsd(line.heldNanos),
      formatUsd(leftOf(line)),
      line.endsAt === undefined ? '-' : new Date(line.endsAt).toISOString().slice(0, 16).replace('T', ' '),
      alertText(line),
      line.parked === 0 ? '' : String(line.parked),
    ]),
  );
}

/** `$6.00 (set, +$1.00)` */
function limitText({ limitNanos, isSet, toppedUpNanos }: BudgetLine): string {
  const how = [...(isSet ? ['set'] : []), ...(toppedUpNanos === 0 ? [] : [`+${formatUsd(toppedUpNanos)}`])];
  return formatUsd(limitNanos) + (how.length === 0 ? '' : ` (${how.join(', ')})`);
}

/** `soft`, `80 %`, `80 % reached` */
function alertText({ isSoft, alertAt, alertedAt }: BudgetLine): string {
  const at = alertAt === undefined ? (isSoft ? 'soft' : '') : `${isSoft ? 'soft, ' : ''}${Math.round(alertAt * 100)} %`;
  return alertedAt === undefined ? at : `${at} reached`.trim();
}

/** One line for whoever has just changed it. */
export function describeBudget(line: BudgetLine): string {
  const { purse, windowId, spentNanos, heldNanos } = line;
  const amounts = `${formatUsd(spentNanos)} spent, ${formatUsd(heldNanos)} held, ${formatUsd(leftOf(line))} left`;
  return `${purse}: ${limitText(line)} in ${windowId}, ${amounts}`;
}

function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

export function budgetJson(line: BudgetLine): object {
  return {
    purse: line.purse,
    budget: line.budget,
    window: line.window,
    window_id: line.windowId,
    limit_usd: nanosToUsd(line.limitNanos),
    is_set: line.isSet,
    topped_up_usd: nanosToUsd(line.toppedUpNanos),
    spent_usd: nanosToUsd(line.spentNanos),
    held_usd: nanosToUsd(line.heldNanos),
    left_usd: nanosToUsd(leftOf(line)),
    resets_at: iso(line.endsAt),
    soft: line.isSoft,
    alert_at: line.alertAt ?? null,
    alerted_at: iso(line.alertedAt),
    on_exhausted: line.onExhausted,
    parked: line.parked,
  };
}
