import { keyBudget, windowId } from '../domain/budget.ts';
import { formatUsd, usdToNanos } from '../domain/money.ts';
import type { RateLimits } from '../domain/provider-config.ts';
import { windowEndOf } from '../store/budgets.ts';
import { type DoorReply, type DoorSubject, createDoorStore } from '../store/door.ts';
import { readPacedPurses } from '../store/paced-purses.ts';
import { ApiError } from './api-error.ts';
import type { Caller } from './caller.ts';
import { createDoorLeases, LEASE_MS } from './door-leases.ts';
import { type RateHeaders, formatReset, rateHeadersOf } from './rate-headers.ts';
import type { GatewayTools } from './tools.ts';

export type Visit = {
  caller: Caller;
  /** Of the key's users the one for whom it asks. */
  user: string | undefined;
  /** Of prompt and answer together; corrected when it leaves. */
  estimatedTokens: number;
  requestId: string;
  /** Longer than the request can take: after that it does not count as under way any more. */
  holdMs: number;
};

export type Entrance =
  | {
      ok: true;
      headers: RateHeaders;
      /**
       * When the request has ended, once; another call does nothing. `actualTokens` is what it used: 0 when nothing was
       * asked of a model; without it the estimate stands. Never throws.
       */
      leave(actualTokens?: number): Promise<void>;
    }
  | { ok: false; error: ApiError; headers: RateHeaders };

/** Who has passed the limits, and may turn out not to come in: `undo` in place of `leave`, and nothing was counted. */
type Passed = Extract<Entrance, { ok: false }> | (Extract<Entrance, { ok: true }> & { undo(): Promise<void> });

export type Door = { enter(visit: Visit): Promise<Entrance> };

/**
 * Limits and budgets of keys, before anything is enqueued. A caller for whom there are none costs no round trip. Throws
 * what Redis throws: without it nobody gets in.
 */
export function createDoor(tools: Pick<GatewayTools, 'config' | 'redis' | 'keys' | 'logger' | 'now'>): Door {
  const { config, redis, keys, logger, now } = tools;
  const store = createDoorStore(redis, keys);
  const leases = createDoorLeases(store, { logger, now });

  async function enter(visit: Visit): Promise<Entrance> {
    // Both at once: a key with limits and a budget costs one round trip, too.
    const [spent, entrance] = await Promise.all([budgetProblem(visit.caller, tools), passLimits(visit)]);
    if (!spent) return entrance;
    if (entrance.ok) await entrance.undo();
    return { ok: false, error: spent, headers: {} };
  }

  async function passLimits(visit: Visit): Promise<Passed> {
    const subjects = subjectsOf(visit, config.gateway.limits);
    if (subjects.length === 0) return { ok: true, headers: {}, leave: async () => {}, undo: async () => {} };
    const { requestId, estimatedTokens, holdMs } = visit;
    const entry = { requestId, subjects, estimatedTokens, leaseMs: Math.min(holdMs, LEASE_MS) };
    const reply = await store.enter(entry);
    const headers = rateHeadersOf(subjects, reply.levels);
    if (reply.refused) return { ok: false, error: errorOf(reply.refused), headers };
    leases.hold(entry, holdMs);
    let isIn = true;
    async function giveBack(give: () => Promise<void>): Promise<void> {
      if (!isIn) return;
      isIn = false;
      leases.end(entry);
      // What it holds ends by itself.
      await give().catch((error: unknown) => {
        logger.warn({ request: requestId, error: String(error) }, 'limits were not given back');
      });
    }
    const holds = subjects.some(
      ({ limits }) => limits.concurrency !== undefined || limits.tokens_per_minute !== undefined,
    );
    return {
      ok: true,
      headers,
      leave: async (actualTokens) => (holds ? giveBack(() => store.leave(entry, actualTokens)) : undefined),
      undo: () => giveBack(() => store.undo(entry)),
    };
  }

  return { enter };
}

/** The key and its user, as far as they have limits. Requests that name no user share one's: leaving it out is no way around. */
export function subjectsOf(
  { caller: { key }, user }: Pick<Visit, 'caller' | 'user'>,
  { per_key: perKey, per_user: perUser }: { per_key: RateLimits; per_user: RateLimits },
): DoorSubject[] {
  if (!key) return [];
  const subjects = [
    { name: `key:${key.id}`, limits: withDefaults(key.limits, perKey) },
    { name: `user:${key.id}/${user === undefined ? '' : encodeURIComponent(user.toWellFormed())}`, limits: perUser },
  ];
  return subjects.filter(({ limits }) => Object.values(limits).some((limit) => limit !== undefined));
}

function withDefaults(own: RateLimits, defaults: RateLimits): RateLimits {
  return {
    requests_per_minute: own.requests_per_minute ?? defaults.requests_per_minute,
    tokens_per_minute: own.tokens_per_minute ?? defaults.tokens_per_minute,
    concurrency: own.concurrency ?? defaults.concurrency,
  };
}

/** Only what is spent counts here: what calls under way hold may be free again before this one needs it. */
async function budgetProblem(
  { key }: Caller,
  { redis, keys, now }: Pick<GatewayTools, 'redis' | 'keys' | 'now'>,
): Promise<ApiError | undefined> {
  if (key?.budgetUsd === undefined) return undefined;
  const { budgetUsd, budgetWindow: window = 'total' } = key;
  const [purse, time] = [keyBudget(key.id), now()];
  const asked = { purse, name: purse, window, limitNanos: usdToNanos(budgetUsd) };
  const [standing] = await readPacedPurses(redis, keys, [asked], time);
  if (standing === undefined || standing.spentNanos < standing.limitNanos) return undefined;
  const endsAt = windowEndOf(window, time);
  const resets = endsAt === undefined ? '' : `, resets ${new Date(endsAt).toISOString().slice(0, 16)}Z`;
  const amounts = `${formatUsd(standing.spentNanos)} of ${formatUsd(standing.limitNanos)} spent`;
  const message = `the budget of this API key is spent: ${amounts} (${windowId(window, time)}${resets})`;
  return new ApiError(402, 'insufficient_quota', message, { code: 'budget_exceeded' });
}

function errorOf({ limit, subject, afterMs }: NonNullable<DoorReply['refused']>): ApiError {
  const { requests_per_minute, tokens_per_minute, concurrency } = subject.limits;
  const what = {
    requests: `${requests_per_minute} requests a minute`,
    tokens: `${tokens_per_minute} tokens a minute`,
    concurrency: `${concurrency} requests at a time`,
  }[limit];
  const whose = subject.name.startsWith('key:') ? 'this API key' : 'this user of the API key';
  const message = `rate limit reached: ${what} for ${whose}; try again in ${formatReset(afterMs)}`;
  return new ApiError(429, 'rate_limit_error', message, { code: 'rate_limit_exceeded', retry: { afterMs } });
}
