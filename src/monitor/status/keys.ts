import type { Redis } from 'ioredis';
import { type ApiKey, stateOfKey } from '../../domain/api-key.ts';
import { keyBudget } from '../../domain/budget.ts';
import { usdToNanos } from '../../domain/money.ts';
import { type UsageSums, emptySums } from '../../domain/usage-sums.ts';
import { createApiKeyStore } from '../../store/api-keys.ts';
import { type BudgetStore, createBudgetStore } from '../../store/budgets.ts';
import type { Keys } from '../../store/keys.ts';
import { isRedisFailure } from '../../store/redis.ts';
import { readRedisTime } from '../../store/redis-clock.ts';
import { type BudgetStatus, shareOf } from './budgets.ts';
import type { Share } from './spend.ts';

/** A virtual key that is let in, and what it has used. */
export type KeyStatus = {
  id: string;
  name: string;
  account: string;
  budget?: BudgetStatus;
  /** Of today. */
  sums: UsageSums;
};

/** There may be any number; those that were made before these are not looked at. */
const NEWEST_KEYS = 500;
/** For a store that is only read from. */
const NO_WRITES_TTL_MS = 1;

/** A reader of the keys that are neither revoked nor expired: those nearest to their limit first, then today's dearest. */
export function createKeyReader(redis: Redis, keys: Keys): (today?: readonly Share[]) => Promise<KeyStatus[]> {
  const apiKeys = createApiKeyStore(redis, keys);
  const budgets = createBudgetStore(redis, keys, { resultTtlMs: NO_WRITES_TTL_MS });

  /** Undefined also for one that only a newer version understands: it must not take the others with it. */
  async function read(id: string): Promise<ApiKey | undefined> {
    return apiKeys.get(id).catch((error: unknown) => {
      if (isRedisFailure(error)) throw error;
      return undefined;
    });
  }

  return async (today = []) => {
    const ids = await redis.zrevrange(keys.apiKeys, 0, NEWEST_KEYS - 1);
    const [now, limits, ...found] = await Promise.all([readRedisTime(redis), budgets.limits(), ...ids.map(read)]);
    const active = found.filter((key) => key !== undefined).filter((key) => stateOfKey(key, now) === 'active');
    const sumsOf = new Map(today.map(({ name, sums }) => [name, sums]));
    const statuses = active.map(async (key): Promise<KeyStatus> => {
      const { id, terms } = key;
      const budget = await readBudget(budgets, key, limits);
      const { name, account } = terms;
      return { id, name, account, ...(budget && { budget }), sums: sumsOf.get(id) ?? emptySums() };
    });
    return (await Promise.all(statuses)).toSorted(
      (a, b) => nearness(b) - nearness(a) || b.sums.cost_nanos - a.sums.cost_nanos,
    );
  };
}

/** The budgets of those that have one, the nearest to its limit first. */
export function budgetsOfKeys(statuses: readonly KeyStatus[], most: number): BudgetStatus[] {
  return statuses.flatMap(({ budget }) => budget ?? []).slice(0, most);
}

async function readBudget(
  store: Pick<BudgetStore, 'standing'>,
  { id, terms }: ApiKey,
  limits: ReadonlyMap<string, number>,
): Promise<BudgetStatus | undefined> {
  const { name: keyName, budget_usd: limitUsd, budget_window: window } = terms;
  if (limitUsd === undefined) return undefined;
  const purse = keyBudget(id);
  const { spentNanos, heldNanos, toppedUpNanos, endsAt } = await store.standing(purse, window);
  const limitNanos = (limits.get(purse) ?? usdToNanos(limitUsd)) + toppedUpNanos;
  const amounts = { spentNanos, heldNanos, limitNanos, isSoft: false };
  return { purse, keyName, window, ...amounts, ...(endsAt !== undefined && { endsAt }) };
}

function nearness({ budget }: KeyStatus): number {
  return budget === undefined ? -1 : shareOf(budget);
}
