import type { Redis } from 'ioredis';
import type { ErrorCode } from '../../domain/errors.ts';
import type { GateReason } from '../../domain/gate.ts';
import type { Keys } from '../keys.ts';
import { readRedisTime } from '../redis-clock.ts';
import { partsOf } from './names.ts';

/** How a gate stands. All times are epoch milliseconds. */
export type GateStatus = {
  /** `provider|model` is a circuit, `provider#key` a key, `provider#key|model` a pair of them. */
  name: string;
  provider: string;
  key?: string;
  model?: string;
  /**
   * - `passing`: calls pass, as far as its limits allow.
   * - `stopped`: none does until `untilMs`.
   * - `trying`: its time is over, and one call at a time may try.
   */
  state: 'passing' | 'stopped' | 'trying';
  /** Why it is stopped. */
  reason?: GateReason;
  code?: ErrorCode;
  sinceMs?: number;
  untilMs?: number;
  /** Calls under way; those of a circuit are counted at its pairs. */
  inflight: number;
  /** The limits as they are enforced: the lower one of what is configured and what was learnt. */
  concurrencyLimit?: number;
  requestsPerMinute?: number;
  tokensPerMinute?: number;
};

/** All gates of providers that were used within the last day or are stopped, in the order of their names. */
export async function readGates(redis: Redis, keys: Keys): Promise<GateStatus[]> {
  const now = await readRedisTime(redis);
  const [names, closed] = await Promise.all([redis.zrange(keys.gates, '0', '-1'), redis.hkeys(keys.closedGates)]);
  const all = [...new Set([...names, ...closed])].toSorted();
  const states = await Promise.all(all.map((name) => redis.hgetall(keys.gate(name))));
  // A name outlives its gate by a while.
  return all.flatMap((name, index) => {
    const state = states[index] ?? {};
    return Object.keys(state).length === 0 ? [] : [toStatus(name, state, now)];
  });
}

/** How often each limit for callers has had a call wait since it was first used. */
export async function readLimitRefusals(redis: Redis, keys: Keys): Promise<Map<string, number>> {
  const refusals = await redis.hgetall(keys.limitRefusals);
  return new Map(Object.entries(refusals).map(([limit, count]) => [limit, Number(count)]));
}

function toStatus(name: string, state: Record<string, string>, now: number): GateStatus {
  const numberOf = (field: string): number | undefined =>
    state[field] === undefined ? undefined : Number(state[field]);
  const limits = {
    concurrencyLimit: numberOf('calls_limit'),
    requestsPerMinute: numberOf('requests_limit'),
    tokensPerMinute: numberOf('tokens_limit'),
  };
  return {
    name,
    ...partsOf(name),
    ...stopOf(name, state, now),
    inflight: numberOf('inflight') ?? 0,
    ...Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined)),
  };
}

function stopOf(
  name: string,
  state: Record<string, string>,
  now: number,
): Pick<GateStatus, 'state' | 'reason' | 'code' | 'sinceMs' | 'untilMs'> {
  if (state['stopped_since'] !== undefined) {
    const untilMs = Number(state['retry_at']);
    return {
      state: untilMs > now ? 'stopped' : 'trying',
      reason: partsOf(name).key === undefined ? 'circuit' : 'key',
      ...(state['code'] === undefined ? {} : { code: state['code'] as ErrorCode }),
      sinceMs: Number(state['stopped_since']),
      untilMs,
    };
  }
  const untilMs = Number(state['closed_until'] ?? 0);
  if (untilMs <= now) return { state: 'passing' };
  return { state: 'stopped', reason: 'throttled', sinceMs: Number(state['closed_since']), untilMs };
}
