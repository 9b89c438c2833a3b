import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type BudgetAlert, type BudgetWindow, jobBudget, windowId } from '../domain/budget.ts';
import { type Keys, descriptionTtlMs } from './keys.ts';
import { readRedisTime } from './redis-clock.ts';

/** One purse in one window, as it stands. */
export type PurseStanding = {
  purse: string;
  windowId: string;
  spentNanos: number;
  heldNanos: number;
  /** Added to the limit in this window. */
  toppedUpNanos: number;
  /** When its alert was raised, in ms. */
  alertedAt?: number;
  /** When its window ends, in ms; never for `total`. */
  endsAt?: number;
};

/** As the ledger scores purses whose window never ends. */
const NEVER_ENDS = 9e15;
const DAY_MS = 86_400_000;
const PAGE = 500;

/** What nothing was ever held in outlives its window by so long. The ledger gives what it uses a life of its own. */
const UNUSED_KEEP_MS = 35 * DAY_MS;

/** A command whose reply was lost is sent again by then. */
const SENT_AGAIN_WITHIN_MS = 600_000;

/**
 * Adds to the limit of a purse in one window; once, however often it is sent.
 * KEYS: the purse, the index of purses, what this top-up is known by. ARGV: nano-dollars, when the window ends (ms), life of
 * a purse that is new (ms) or ''.
 */
const TOP_UP = `
if not redis.call('SET', KEYS[3], '1', 'NX', 'PX', ${SENT_AGAIN_WITHIN_MS}) then return end
local is_new = redis.call('EXISTS', KEYS[1]) == 0
redis.call('HINCRBY', KEYS[1], 'topped_up', ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], KEYS[1])
if is_new and ARGV[3] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
`;

/** KEYS[1]: the index of purses. ARGV: keys of purses that may be gone. Reply: how many were. */
const FORGET_GONE = `
local gone = 0
for _, key in ipairs(ARGV) do
  if redis.call('EXISTS', key) == 0 then gone = gone + redis.call('ZREM', KEYS[1], key) end
end
return gone
`;

export type BudgetStore = ReturnType<typeof createBudgetStore>;

/**
 * Budgets as people look at them and change them by hand; what calls do with them is the ledger's alone. `clockShiftMs` is
 * added to Redis' clock, for tests that play another time.
 */
export function createBudgetStore(redis: Redis, keys: Keys, options: { resultTtlMs: number; clockShiftMs?: number }) {
  const { resultTtlMs, clockShiftMs = 0 } = options;

  /** By the clock that decides in which window money is spent. */
  async function now(): Promise<number> {
    return Math.floor(await readRedisTime(redis)) + clockShiftMs;
  }

  /**
   * The purses that were drawn from, or topped up, and whose windows have not ended. Without those of single jobs, which
   * nobody looks at, and of which there may be a million.
   */
  async function current(): Promise<PurseStanding[]> {
    const time = await now();
    const ofJobs = keys.budget(jobBudget(''), '').slice(0, -1);
    const standings = new Map<string, PurseStanding>();
    let cursor = '0';
    do {
      const [next, page] = await redis.zscan(keys.budgets, cursor, 'COUNT', PAGE);
      const found = entriesOf(page).filter(({ key, endsAt }) => endsAt > time && !key.startsWith(ofJobs));
      for (const standing of await readPurses(redis, keys, found)) {
        standings.set(`${standing.purse} ${standing.windowId}`, standing);
      }
      cursor = next;
    } while (cursor !== '0');
    return [...standings.values()];
  }

  /** Whether a purse was drawn from, or topped up, in the window that it is now. */
  async function isInUse(purse: string, window: BudgetWindow): Promise<boolean> {
    return (await redis.exists(keys.budget(purse, windowId(window, await now())))) === 1;
  }

  /** A purse in the window that it is now. */
  async function standing(purse: string, window: BudgetWindow): Promise<PurseStanding> {
    const time = await now();
    const id = windowId(window, time);
    const amounts = await redis.hgetall(keys.budget(purse, id));
    return toStanding({ purse, windowId: id }, windowEndOf(window, time) ?? NEVER_ENDS, amounts);
  }

  /** The limits that were set by hand, in nano-dollars, by purse or by name of a budget. */
  async function limits(): Promise<Map<string, number>> {
    const fields = await redis.hgetall(keys.budgetLimits);
    return new Map(Object.entries(fields).map(([name, nanos]) => [name, Number(nanos)]));
  }

  /** From now on, and in later windows, in place of the configured limit. */
  async function setLimit(purseOrName: string, nanos: number): Promise<void> {
    await redis.hset(keys.budgetLimits, purseOrName, String(nanos));
  }

  /** The configured limit holds again. False when none was set. */
  async function unsetLimit(purseOrName: string): Promise<boolean> {
    return (await redis.hdel(keys.budgetLimits, purseOrName)) === 1;
  }

  /** Adds to the limit of a purse in the window that it is now. `isPassing`: it is a batch's or job's, and ends with it. */
  async function topUp(purse: string, window: BudgetWindow, nanos: number, isPassing: boolean): Promise<void> {
    const time = await now();
    const endsAt = windowEndOf(window, time);
    const lifeMs = isPassing ? descriptionTtlMs(resultTtlMs) : endsAt && endsAt - time + UNUSED_KEEP_MS;
    const fields = [String(nanos), String(endsAt ?? NEVER_ENDS), String(lifeMs ?? '')];
    const known = keys.topUp(randomUUID());
    await redis.eval(TOP_UP, 3, keys.budget(purse, windowId(window, time)), keys.budgets, known, ...fields);
  }

  /** The newest alerts first. */
  async function alerts(limit: number): Promise<(BudgetAlert & { at: number })[]> {
    const entries = await redis.xrevrange(keys.alerts, '+', '-', 'COUNT', limit);
    return entries.map(([id, fields]) => ({
      ...(JSON.parse(fields[fields.indexOf('alert') + 1] ?? '{}') as BudgetAlert),
      at: Number(id.split('-', 1)[0]),
    }));
  }

  return { current, isInUse, standing, limits, setLimit, unsetLimit, topUp, alerts };
}

/** Of the index of purses: a key, and when its window ends, in ms. */
type PurseEntry = { key: string; endsAt: number };

/** `page`: members and scores by turns. */
function entriesOf(page: readonly string[]): PurseEntry[] {
  return page.flatMap((key, index) => (index % 2 === 0 ? [{ key, endsAt: Number(page[index + 1]) }] : []));
}

async function readPurses(redis: Redis, keys: Keys, found: readonly PurseEntry[]): Promise<PurseStanding[]> {
  const fields = await Promise.all(found.map(({ key }) => redis.hgetall(key)));
  return found.flatMap(({ key, endsAt }, index) => {
    const amounts = fields[index] ?? {};
    // Some are forgotten before their window ends: those of batches and jobs.
    return Object.keys(amounts).length === 0 ? [] : [toStanding(nameIn(key, keys), endsAt, amounts)];
  });
}

/** `<prefix>:budget:<purse>:<window>`; there is no `:` in a window's id. */
function nameIn(key: string, keys: Keys): { purse: string; windowId: string } {
  const rest = key.slice(keys.budget('', '').length - 1);
  const end = rest.lastIndexOf(':');
  return { purse: rest.slice(0, end), windowId: rest.slice(end + 1) };
}

/** Takes purses out of the index whose life is over. Returns how many. A chore for one pool at a time, once an hour. */
export async function forgetGonePurses(redis: Redis, keys: Keys, signal: AbortSignal): Promise<number> {
  let gone = 0;
  for (let cursor = '0'; !signal.aborted;) {
    const [next, page] = await redis.zscan(keys.budgets, cursor, 'COUNT', PAGE);
    const found = entriesOf(page).map(({ key }) => key);
    if (found.length > 0) gone += (await redis.eval(FORGET_GONE, 1, keys.budgets, ...found)) as number;
    if (next === '0') break;
    cursor = next;
  }
  return gone;
}

function toStanding(
  name: { purse: string; windowId: string },
  endsAt: number,
  amounts: Readonly<Record<string, string>>,
): PurseStanding {
  const amount = (field: string): number => Number(amounts[field] ?? 0);
  return {
    ...name,
    spentNanos: amount('spent'),
    heldNanos: amount('held'),
    toppedUpNanos: amount('topped_up'),
    ...(amounts['alerted'] === undefined ? {} : { alertedAt: amount('alerted') }),
    ...(endsAt >= NEVER_ENDS ? {} : { endsAt }),
  };
}

/** When the window that a time falls in ends, in ms; undefined for `total`. */
export function windowEndOf(window: BudgetWindow, time: number): number | undefined {
  const id = windowId(window, time);
  switch (window) {
    case 'total':
      return undefined;
    case 'hour':
      return Date.parse(`${id}:00Z`) + DAY_MS / 24;
    case 'day':
      return Date.parse(id) + DAY_MS;
    case 'week':
      return Date.parse(id) + 7 * DAY_MS;
    case 'month': {
      const date = new Date(id);
      return date.setUTCMonth(date.getUTCMonth() + 1);
    }
  }
}
