import { GATES_TO_LEAVE } from '../gates/scripts.ts';
import { SETTLE_FIELDS } from '../ledger-fields.ts';
import { FIRST_JOB, WRITE_ALL, sharedBy } from './shared.ts';

/** How a call that was made enters the books; `settled` once, `corrected` when it had been written off. */
const CALLS = `
local function settle_call(job, attempt, cost, record, batch, report)
  local entry = open_attempt(job)
  if entry and entry.attempt == attempt then
    add_usage(record)
    close_attempt(job, entry, cost, report)
    count_attempt(batch, cost)
    return 'settled'
  end
  local key = prefix .. ':ledger:written-off:' .. attempt
  local written_off = redis.call('GET', key)
  if not written_off then return 'repeated' end
  local charged, purse_keys = string.match(written_off, '^([^\\n]*)\\n(.*)$')
  local difference = cost - tonumber(charged)
  redis.call('DEL', key)
  charge(purse_keys, 0, difference)
  -- As text: cjson would round the amount to 14 digits. Quotes in values are escaped, so that only the fields match.
  local correction = string.gsub(record, '"outcome":"%a+"', '"outcome":"correction"', 1)
  add_usage((string.gsub(correction, '"cost_nanos":%d+', '"cost_nanos":' .. string.format('%.0f', difference), 1)))
  count(batch, 'cost_nanos', difference)
  return 'corrected'
end

-- It was admitted and never went out.
local function release(job, attempt)
  local entry = open_attempt(job)
  if not entry or entry.attempt ~= attempt then return end
  close_attempt(job, entry, 0, { attempt = attempt, verdict = 'neutral', tokens = 0 })
end
`;

/** What the router is told. By model: the jobs of one call share a few, and writing once is a fifth of a settle less. */
const OBSERVATIONS = `
local observed = {}

local function observe(model, latency)
  if latency == '' then return end
  observed[model] = observed[model] or {}
  table.insert(observed[model], latency)
end

local function write_observed()
  for model, latencies in pairs(observed) do
    local list = prefix .. ':observed:' .. model
    redis.call('LPUSH', list, unpack(latencies))
    redis.call('LTRIM', list, 0, 99)
    redis.call('HINCRBY', prefix .. ':observed', model, #latencies)
  end
end
`;

const ENDINGS = `
local function finish(kind, job, record, batch, result, counted, is_dead, listener, keep)
  local life = keep ~= '' and math.min(tonumber(keep), tonumber(ttl)) or ttl
  if not redis.call('SET', prefix .. ':result:' .. job, result, 'NX', 'PX', life) then return false end
  -- A user whose channels are restricted may not: then nobody hears of it, and the books are right all the same.
  redis.pcall('PUBLISH', prefix .. ':done:' .. job, '1')
  if listener ~= '' then redis.pcall('PUBLISH', prefix .. ':relay:' .. listener, result) end
  local had_trail = redis.call('DEL', prefix .. ':trail:' .. job) == 1
  if kind == 'cached' then add_usage(record) end
  if is_dead then redis.call('ZADD', prefix .. ':dead', now(), job) end
  redis.call('PEXPIRE', prefix .. ':claim:' .. job, description_ttl)
  count(batch, counted, 1)
  if kind == 'cached' then count(batch, 'cached', 1) end
  if had_trail then count(batch, 'retrying', -1) end
  return true
end

-- A call that is being paid for is not thrown away, nor may the ending leave out an attempt that failed meanwhile.
local function may_cancel(job, told)
  return redis.call('HEXISTS', prefix .. ':ledger:open', job) == 0
    and redis.call('LLEN', prefix .. ':trail:' .. job) == tonumber(told)
end
`;

/**
 * Settles attempts: purses, gates, usage record, result, batch counters and observations move together, and a repeated
 * settle changes nothing. An attempt that had been written off gets a signed correction instead.
 * It may run when Redis is out of memory: what was spent must be written down.
 * ARGV: what all share; then SETTLE_FIELDS each.
 * Reply for each: 1 when this call ended the job, the result that stood already when another did, false when it goes
 * on: also a cancelled one whose call is under way, or of which another attempt has failed than the result tells of.
 */
export const SETTLE = `#!lua flags=allow-oom
${sharedBy(GATES_TO_LEAVE)}${CALLS}${OBSERVATIONS}${ENDINGS}
local replies = {}
for i = ${FIRST_JOB}, #ARGV, ${SETTLE_FIELDS.length} do
  local ${SETTLE_FIELDS.join(', ')} = unpack(ARGV, i, i + ${SETTLE_FIELDS.length - 1})
  local settled = kind == 'call' and settle_call(job, attempt, tonumber(cost), record, batch, {
    attempt = attempt,
    verdict = verdict,
    code = code ~= '' and code or nil,
    wait = tonumber(wait),
    tokens = tonumber(tokens),
    limits = limits ~= '' and cjson.decode(limits) or nil,
  }) == 'settled'
  if settled then
    observe(model, latency)
    if fallback == '1' then count(batch, 'fallbacks', 1) end
  end
  if kind == 'unsent' then release(job, attempt) end
  if kind == 'cancel' and not may_cancel(job, told) then
    replies[#replies + 1] = false
  elseif result ~= '' then
    if finish(kind, job, record, batch, result, counted, dead == '1', listener, keep) then
      -- Nobody's bill depends on it: where the stream cannot be written to, the job ends all the same.
      if feedback ~= '' then redis.pcall('XADD', prefix .. ':feedback', '*', 'record', feedback) end
      replies[#replies + 1] = 1
    else
      replies[#replies + 1] = redis.call('GET', prefix .. ':result:' .. job)
    end
  else
    if settled then add_to_trail(job, batch, summary) end
    replies[#replies + 1] = false
  end
end
write_observed()
${WRITE_ALL}
return replies
`;
