import type { Redis } from 'ioredis';
import type { RateLimits } from '../domain/provider-config.ts';
import type { Keys } from './keys.ts';
import { createScriptBatcher } from './script-batcher.ts';

/** Who comes in, and what he may use: `key:ID`, `user:ID/NAME`. */
export type DoorSubject = { name: string; limits: RateLimits };

/** What is left of a limit a minute, and when all of it is there again. */
export type DoorLevel = { remaining: number; resetMs: number };
export type DoorLevels = { requests?: DoorLevel; tokens?: DoorLevel };
export type DoorLimit = 'requests' | 'tokens' | 'concurrency';

export type DoorReply = {
  /** The limit that is used up, whose it is, and when it has room again; of several, the one that takes longest. */
  refused?: { limit: DoorLimit; subject: DoorSubject; afterMs: number };
  /** In the order of the subjects. */
  levels: DoorLevels[];
};

export type DoorEntry = {
  requestId: string;
  subjects: readonly DoorSubject[];
  estimatedTokens: number;
  /** For so long it counts as under way, and no longer, when nobody says again that it is: its gateway has died. */
  leaseMs: number;
};

/** When a request that is under way ends nobody knows. */
const CONCURRENCY_RETRY_MS = 1_000;

/**
 * Lua. A subject is a hash `<prefix>:door:<name>` with the levels of its buckets and when they had them, in ms (`requests`,
 * `requests_at`, `tokens`, `tokens_at`), and, behind `:leases`, a sorted set: requests that are under way, by when they are
 * taken for gone. Both end by themselves, the hash when its buckets are full again.
 *
 * A bucket holds the limit of a minute and fills at its pace. A request whose estimate is above that must find it full, and
 * leaves debt, as does one that took more than it was estimated at.
 */
const SUBJECTS = `#!lua
local prefix = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000 + ARGV[2]
local KINDS = { 'requests', 'tokens' }

local function key_of(subject)
  return prefix .. ':door:' .. subject.name
end

local function bucket_of(subject, kind)
  local limit = subject[kind]
  if not limit then return nil end
  local stored = redis.call('HMGET', key_of(subject), kind, kind .. '_at')
  -- One request must fit in, however rarely one may come.
  local capacity = kind == 'requests' and math.max(1, limit) or limit
  local rate = limit / 60000
  local level = (tonumber(stored[1]) or capacity) + math.max(0, now - (tonumber(stored[2]) or now)) * rate
  return { key = key_of(subject), kind = kind, capacity = capacity, rate = rate, level = math.min(capacity, level) }
end

local function full_in(bucket)
  return math.ceil((bucket.capacity - bucket.level) / bucket.rate)
end

local function save(bucket)
  local level, at = string.format('%.6f', bucket.level), string.format('%.3f', now)
  redis.call('HSET', bucket.key, bucket.kind, level, bucket.kind .. '_at', at)
  -- Of two buckets the later one decides.
  local life = full_in(bucket) + 1000
  if redis.call('PTTL', bucket.key) < life then redis.call('PEXPIRE', bucket.key, string.format('%.0f', life)) end
end
`;

const LEASES = `${SUBJECTS}
local function lease(subject, request, lease_ms, option)
  local key, ends_at = key_of(subject) .. ':leases', string.format('%.0f', now + lease_ms)
  if option then redis.call('ZADD', key, option, ends_at, request) else redis.call('ZADD', key, ends_at, request) end
  if redis.call('PTTL', key) < lease_ms then redis.call('PEXPIRE', key, lease_ms) end
end
`;

/** ARGV: the prefix, ms added to the clock; then request, tokens, ms that it counts as under way, subjects (JSON) each. */
const ENTER = `${LEASES}
local function has_room(subject, request)
  local key = key_of(subject) .. ':leases'
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
  if redis.call('ZCARD', key) < subject.concurrency then return true end
  -- Asked again, since the first reply was lost.
  return redis.call('ZSCORE', key, request) ~= false
end

local function enter(request, tokens, lease_ms, text)
  local subjects, buckets = cjson.decode(text), {}
  local refused, of, after = '', 0, 0
  local function refuse(limit, index, ms)
    if refused == '' or ms > after then refused, of, after = limit, index - 1, ms end
  end
  for index, subject in ipairs(subjects) do
    if subject.concurrency and not has_room(subject, request) then
      refuse('concurrency', index, ${CONCURRENCY_RETRY_MS})
    end
    for _, kind in ipairs(KINDS) do
      local bucket = bucket_of(subject, kind)
      if bucket then
        bucket.takes = kind == 'requests' and 1 or tokens
        local needed = math.min(bucket.takes, bucket.capacity)
        -- What has filled up to it by the very moment must not fail by a rounding.
        local short = needed - bucket.level
        if short > 1e-6 then refuse(kind, index, math.ceil(short / bucket.rate)) end
        buckets[#buckets + 1] = bucket
      end
    end
  end
  local reply = { refused, of, after }
  for _, bucket in ipairs(buckets) do
    if refused == '' then
      bucket.level = bucket.level - bucket.takes
      save(bucket)
    end
    reply[#reply + 1] = math.max(0, math.floor(bucket.level + 1e-6))
    reply[#reply + 1] = math.max(0, full_in(bucket))
  end
  if refused == '' then
    for _, subject in ipairs(subjects) do
      if subject.concurrency then lease(subject, request, lease_ms) end
    end
  end
  return reply
end

local replies = {}
for i = 3, #ARGV, 4 do
  replies[#replies + 1] = enter(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), ARGV[i + 3])
end
return replies
`;

/** ARGV: the prefix, ms added to the clock; then request, ms from now on, subjects (JSON) each. Who has left stays away. */
const RENEW = `${LEASES}
local replies = {}
for i = 3, #ARGV, 3 do
  for _, subject in ipairs(cjson.decode(ARGV[i + 2])) do
    if subject.concurrency then lease(subject, ARGV[i], tonumber(ARGV[i + 1]), 'XX') end
  end
  replies[#replies + 1] = 1
end
return replies
`;

/**
 * ARGV: the prefix, ms added to the clock; then request, how many requests and tokens were taken too little (signed),
 * subjects (JSON) each.
 */
const LEAVE = `${SUBJECTS}
local replies = {}
for i = 3, #ARGV, 4 do
  for _, subject in ipairs(cjson.decode(ARGV[i + 3])) do
    if subject.concurrency then redis.call('ZREM', key_of(subject) .. ':leases', ARGV[i]) end
    for index, kind in ipairs(KINDS) do
      local bucket, more = bucket_of(subject, kind), tonumber(ARGV[i + index])
      if bucket and more ~= 0 then
        bucket.level = math.min(bucket.capacity, bucket.level - more)
        save(bucket)
      end
    end
  end
  replies[#replies + 1] = 1
end
return replies
`;

export type DoorStore = ReturnType<typeof createDoorStore>;

/** The limits of those who come in over HTTP, shared by all gateways. `clockShiftMs` is added to Redis' clock, for tests. */
export function createDoorStore(redis: Redis, keys: Keys, { clockShiftMs = 0 }: { clockShiftMs?: number } = {}) {
  const batcher = { redis, routingKey: keys.apiKeys, shared: [keys.prefix, String(clockShiftMs)] };
  const runEnter = createScriptBatcher<[string, number, number, ...number[]]>({ ...batcher, script: ENTER });
  const runLeave = createScriptBatcher<number>({ ...batcher, script: LEAVE });
  const runRenew = createScriptBatcher<number>({ ...batcher, script: RENEW });

  /** All or nothing: whoever is refused by one limit has used up nothing of the others. */
  async function enter({ requestId, subjects, estimatedTokens, leaseMs }: DoorEntry): Promise<DoorReply> {
    const amounts = [estimatedTokens, leaseMs].map((amount) => String(Math.ceil(amount)));
    const [limit, of, afterMs, ...figures] = await runEnter([requestId, ...amounts, textOf(subjects)]);
    const levels = subjects.map(({ limits }) => ({
      ...(limits.requests_per_minute !== undefined && { requests: takeLevel(figures) }),
      ...(limits.tokens_per_minute !== undefined && { tokens: takeLevel(figures) }),
    }));
    const subject = subjects[of];
    return limit === '' || !subject
      ? { levels }
      : { levels, refused: { limit: limit as DoorLimit, subject, afterMs: Math.max(1, afterMs) } };
  }

  /** The request has ended. Without `actualTokens` the estimate stands. */
  async function leave({ requestId, subjects, estimatedTokens }: DoorEntry, actualTokens?: number): Promise<void> {
    const more = actualTokens === undefined ? 0 : Math.ceil(actualTokens) - Math.ceil(estimatedTokens);
    await runLeave([requestId, '0', String(more), textOf(subjects)]);
  }

  /** As if it had never come in. */
  async function undo({ requestId, subjects, estimatedTokens }: DoorEntry): Promise<void> {
    await runLeave([requestId, '-1', String(-Math.ceil(estimatedTokens)), textOf(subjects)]);
  }

  /** They are still under way. Of as many as there are at a time Redis is asked together. */
  async function renew(entries: Iterable<DoorEntry>): Promise<void> {
    await Promise.all(
      Array.from(entries, ({ requestId, leaseMs, subjects }) =>
        runRenew([requestId, String(Math.ceil(leaseMs)), textOf(subjects)]),
      ),
    );
  }

  return { enter, leave, undo, renew };
}

function takeLevel(figures: number[]): DoorLevel {
  const [remaining = 0, resetMs = 0] = figures.splice(0, 2);
  return { remaining, resetMs };
}

function textOf(subjects: readonly DoorSubject[]): string {
  return JSON.stringify(
    subjects.map(({ name, limits: { requests_per_minute: requests, tokens_per_minute: tokens, concurrency } }) => {
      return { name, requests, tokens, concurrency };
    }),
  );
}
