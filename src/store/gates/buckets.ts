/**
 * Lua, part of the ledger's scripts: requests and tokens a minute, of a key, of a pair and of a caller.
 *
 * A bucket fills at nearly the pace of its limit and holds little more than half a second of it, so that no minute has
 * more than the limit in it, wherever the minute begins. What a call takes may leave debt, and what it took too much or
 * too little is made up for when it is settled.
 *
 * Those who find it empty stand in line: each is told the time at which the bucket will have enough for it, after
 * everybody who was told a time before. So thousands of jobs are put back once each and come when it is their turn. Who
 * comes for the first time goes behind those who wait. Turns that nobody took are noticed by the bucket running over,
 * and are given anew.
 *
 * Jobs of lanes that go first have a line of their own. While somebody stands in it nobody of the other line passes, and
 * those of them whose turn has come meanwhile are told a later one.
 *
 * Fields, `requests` for example: `requests` (what it holds), `requests_at` (when it held that), `requests_turn` and
 * `requests_first_turn` (when the next in either line may come), `requests_limit` (a minute, as it is enforced; not of a caller), and what the provider told:
 * `requests_told` (a minute), `requests_told_window` (ms), `requests_told_until`. Of a pair and of a caller also
 * `tokens_ratio`: what calls really come to, of what was expected; `tokens_samples`: from how many calls that is known.
 */
export const BUCKETS = `
-- The rest is for clocks and networks that are not even.
local PACE = 0.98
-- A part of the window: half a second of a minute.
local BURST = 1 / 120
-- Whoever comes back a moment too early must not have come in vain.
local SLACK_MS = 10

local function make_bucket(gate, kind, limit, window)
  local state = gate.state
  local least = kind == 'requests' and 1 or 0
  local rate = PACE * limit / 60000
  local capacity = least + rate * window * BURST
  -- In the future while the pair is paused: until then nothing comes in. Otherwise a clock was put back.
  local at = math.min(state[kind .. '_at'] or now(), paused_until(gate) or now())
  local level = (state[kind] or capacity) + math.max(0, now() - at) * rate
  local untaken = math.max(0, level - capacity) / rate
  return {
    gate = gate,
    kind = kind,
    limit = limit,
    rate = rate,
    least = least,
    capacity = capacity,
    level = math.min(level, capacity),
    at = math.max(at, now()),
    turn = (state[kind .. '_turn'] or 0) - untaken,
    first_turn = (state[kind .. '_first_turn'] or 0) - untaken,
  }
end

-- The same one for all jobs of a call.
local function bucket_of(place, kind)
  local gate, state = place.gate, place.gate.state
  gate.buckets = gate.buckets or {}
  if gate.buckets[kind] then return gate.buckets[kind] end
  local limit, window = place.limits[kind .. '_per_minute'], 60000
  local told = state[kind .. '_told']
  if told and state[kind .. '_told_until'] > now() and told < (limit or math.huge) then
    limit, window = told, state[kind .. '_told_window']
  end
  gate.buckets[kind] = limit and make_bucket(gate, kind, limit, window)
  return gate.buckets[kind]
end

local function buckets_of(way)
  if way.buckets then return way.buckets end
  way.buckets = {}
  for _, place in ipairs(way.places) do
    for _, kind in ipairs(KINDS) do
      local bucket = bucket_of(place, kind)
      if bucket then table.insert(way.buckets, bucket) end
    end
  end
  return way.buckets
end

local function save_bucket(bucket)
  local gate, kind = bucket.gate, bucket.kind
  set(gate, kind, bucket.level)
  set(gate, kind .. '_at', bucket.at)
  -- One that is over keeps nobody waiting. Writing is most of what a bucket costs.
  set(gate, kind .. '_turn', bucket.turn > now() and bucket.turn or nil)
  set(gate, kind .. '_first_turn', bucket.first_turn > now() and bucket.first_turn or nil)
  if not gate.is_of_caller then set(gate, kind .. '_limit', bucket.limit) end
end

local function lets_pass(bucket, comer)
  if bucket.level < bucket.least then return false end
  if bucket.level >= bucket.capacity then return true end
  if not comer.goes_first and bucket.first_turn > now() then return false end
  return comer.is_returning or bucket[comer.line] <= now()
end

local function take(bucket, charge)
  bucket.level = bucket.level - (bucket.kind == 'requests' and 1 or charge)
  save_bucket(bucket)
end

local function next_turn(bucket, comer)
  local shortage = math.max(0, bucket.least - bucket.level)
  return math.max(bucket[comer.line], bucket.first_turn, bucket.at + shortage / bucket.rate + SLACK_MS)
end

local function book(bucket, charge, comer)
  bucket[comer.line] = next_turn(bucket, comer) + (bucket.kind == 'requests' and 1 or charge) / bucket.rate
  save_bucket(bucket)
end
`;

export const TOKEN_CORRECTIONS = `
local function correct_tokens(gate, charged, real)
  if gate.state.tokens then set(gate, 'tokens', gate.state.tokens + charged - real) end
end

-- The mean of the first twenty calls, then a moving one.
local function learn_ratio(gate, expected, real)
  if expected <= 0 or real <= 0 then return end
  local samples = math.min(20, (gate.state.tokens_samples or 0) + 1)
  local ratio = gate.state.tokens_ratio or 1
  set(gate, 'tokens_ratio', ratio + (math.min(10, real / expected) - ratio) / samples)
  set(gate, 'tokens_samples', samples)
end
`;
