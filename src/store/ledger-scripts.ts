import { GATES_TO_LEAVE, GATES_TO_PASS } from './gates/scripts.ts';
import { ADMIT_FIELDS, SETTLE_FIELDS, SHARED_FIELDS } from './ledger-fields.ts';

/**
 * The ledger's scripts. Each takes many jobs at once (see `script-batcher.ts`): ARGV begins with what all share, then
 * holds a fixed number of fields a job. All key names are built from the prefix, which carries the cluster's hash tag.
 *
 * An open attempt is one string in the hash `open`, its parts on lines of their own:
 * attempt id, held nano-dollars, budgets (JSON list of keys), gates (see `gates/passage.ts`), batch id, the usage record
 * and the attempt summary that are written if nothing is ever heard of it again.
 */

const FIRST_JOB = SHARED_FIELDS.length + 1;

const sharedBy = (gates: string): string => `
local ${SHARED_FIELDS.join(', ')} = unpack(ARGV, 1, ${SHARED_FIELDS.length})
${gates}
local function open_attempt(job)
  local entry = redis.call('HGET', prefix .. ':ledger:open', job)
  if not entry then return nil end
  local attempt, held, budgets, gates, rest =
    string.match(entry, '^([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n()')
  return { attempt = attempt, held = held, budgets = budgets, gates = gates, text = entry, rest = rest }
end

local function charge(budgets, released, cost)
  if budgets == '' then return end
  for _, key in ipairs(cjson.decode(budgets)) do
    if released ~= '0' then redis.call('HINCRBY', key, 'held', '-' .. released) end
    if cost ~= '0' then redis.call('HINCRBY', key, 'spent', cost) end
  end
end

-- The batches that this call touches: true for one that is known.
local batches = {}

local function touch(batch)
  if batch == '' or batches[batch] ~= nil then return end
  batches[batch] = redis.call('HEXISTS', prefix .. ':batch:' .. batch, 'manifest') == 1
end

-- Not for a forgotten batch: that would leave a hash of counters alone, which nobody can read and nothing ends.
local function count(batch, field, amount)
  touch(batch)
  if batches[batch] then redis.call('HINCRBY', prefix .. ':batch:' .. batch, field, amount) end
end

-- Whatever moves in a batch gives it and its cap another life, so that both outlive the results of all rows.
local function renew_batches()
  for batch in pairs(batches) do
    redis.call('PEXPIRE', prefix .. ':batch:' .. batch, description_ttl)
    redis.call('PEXPIRE', prefix .. ':budget:batch:' .. batch .. ':total', description_ttl)
  end
end

local function count_attempt(batch, cost)
  count(batch, 'attempts', 1)
  if cost ~= '0' then count(batch, 'cost_nanos', cost) end
end

local function add_to_trail(job, batch, summary)
  -- Of a job that has ended meanwhile: nobody will ask for it, and it must not count as one that goes on.
  if redis.call('EXISTS', prefix .. ':result:' .. job) == 1 then return end
  local trail = prefix .. ':trail:' .. job
  local length = redis.call('RPUSH', trail, summary)
  redis.call('PEXPIRE', trail, ttl)
  if length == 1 then count(batch, 'retrying', 1) end
end

-- An attempt that nothing was heard of may have been billed: it is charged what was held for it, and marked.
local function write_off(job, entry)
  local batch, record, summary = string.match(entry.text, '^([^\\n]*)\\n([^\\n]*)\\n(.*)$', entry.rest)
  charge(entry.budgets, entry.held, entry.held)
  leave_gates(entry.gates, { attempt = entry.attempt, verdict = 'neutral' })
  redis.call('XADD', prefix .. ':usage', '*', 'record', record)
  redis.call('SET', prefix .. ':ledger:written-off:' .. entry.attempt, entry.held .. '\\n' .. entry.budgets, 'PX', ttl)
  redis.call('HDEL', prefix .. ':ledger:open', job)
  count_attempt(batch, entry.held)
  add_to_trail(job, batch, summary)
end
`;

/**
 * What is known of jobs that were started before: writes off an attempt that was left open, and returns for each job
 * its stored result (or false) and the summaries of its attempts so far.
 * ARGV: what all share; then a job id each.
 */
export const HISTORY = `#!lua flags=allow-oom
${sharedBy(GATES_TO_LEAVE)}
local replies = {}
for i = ${FIRST_JOB}, #ARGV do
  local job = ARGV[i]
  local entry = open_attempt(job)
  if entry then write_off(job, entry) end
  replies[#replies + 1] = {
    redis.call('GET', prefix .. ':result:' .. job),
    redis.call('LRANGE', prefix .. ':trail:' .. job, 0, -1),
  }
end
renew_batches()
write_gates()
return replies
`;

/**
 * Admits attempts: every budget must hold the reservation besides what is spent and held already, and then every gate
 * must be open. Whoever is refused has used up nothing.
 * ARGV: what all share; then ADMIT_FIELDS each, '' for what there is none of.
 * Reply for each: {'admitted', name of the key} | {'done', result} | {'cancelled'} | {'cached', completion} |
 * {'denied', index of the budget from 0, spent, held} | {'gated', reason, delay in ms, error code or ''}.
 */
export const ADMIT = `#!lua
${sharedBy(GATES_TO_PASS)}
local function denial(budgets, hold)
  if budgets == '' then return nil end
  for index, budget in ipairs(cjson.decode(budgets)) do
    local amounts = redis.call('HMGET', budget.key, 'spent', 'held')
    local spent, held = tonumber(amounts[1] or 0), tonumber(amounts[2] or 0)
    if spent + held + hold > budget.limit then
      return { 'denied', index - 1, amounts[1] or '0', amounts[2] or '0' }
    end
  end
  return nil
end

local function admit(${ADMIT_FIELDS.join(', ')})
  local entry = open_attempt(job)
  -- Asked again, since the first reply was lost: whatever has happened meanwhile, the reservation is there.
  if entry and entry.attempt == attempt then return { 'admitted', key_of_passage(entry.gates) } end
  -- Two workers have the job, one of them by mistake. If the other attempt is alive, its settle becomes a correction.
  if entry then write_off(job, entry) end
  local result = redis.call('GET', prefix .. ':result:' .. job)
  if result then return { 'done', result } end
  if batch ~= '' and redis.call('HGET', prefix .. ':batch:' .. batch, 'cancelled') then return { 'cancelled' } end
  if cache ~= '' then
    local completion = redis.call('GET', prefix .. ':cache:' .. cache)
    if completion then return { 'cached', completion } end
  end
  local refused = denial(budgets, tonumber(hold))
  if refused then return refused end
  local key, passage = pass_gates(gates, tonumber(tokens), returning == '1', tonumber(patience) or math.huge, attempt)
  if not key then return passage end
  if keys ~= '' then
    for _, key in ipairs(cjson.decode(keys)) do redis.call('HINCRBY', key, 'held', hold) end
  end
  local parts = { attempt, hold, keys, passage, batch, record, summary }
  redis.call('HSET', prefix .. ':ledger:open', job, table.concat(parts, '\\n'))
  touch(batch)
  return { 'admitted', key }
end

local replies = {}
for i = ${FIRST_JOB}, #ARGV, ${ADMIT_FIELDS.length} do
  replies[#replies + 1] = admit(unpack(ARGV, i, i + ${ADMIT_FIELDS.length - 1}))
end
renew_batches()
write_gates()
return replies
`;

/**
 * Settles attempts: budget, gates, usage record, result, batch counters, observations and cache move together, and a
 * repeated settle changes nothing. An attempt that had been written off gets a signed correction instead.
 * It may run when Redis is out of memory: what was spent must be written down.
 * ARGV: what all share; then SETTLE_FIELDS each.
 * Reply for each: 1 when this call ended the job, the result that stood already when another did, false when it goes
 * on: also a cancelled one whose call is under way, or of which another attempt has failed than the result tells of.
 */
export const SETTLE = `#!lua flags=allow-oom
${sharedBy(GATES_TO_LEAVE)}
local function settle_call(job, attempt, cost, record, batch, report)
  local entry = open_attempt(job)
  if entry and entry.attempt == attempt then
    charge(entry.budgets, entry.held, cost)
    leave_gates(entry.gates, report)
    redis.call('HDEL', prefix .. ':ledger:open', job)
    redis.call('XADD', prefix .. ':usage', '*', 'record', record)
    count_attempt(batch, cost)
    return 'settled'
  end
  local key = prefix .. ':ledger:written-off:' .. attempt
  local written_off = redis.call('GET', key)
  if not written_off then return 'repeated' end
  local charged, budgets = string.match(written_off, '^([^\\n]*)\\n(.*)$')
  local difference = string.format('%.0f', tonumber(cost) - tonumber(charged))
  redis.call('DEL', key)
  charge(budgets, '0', difference)
  -- As text: cjson would round the amount to 14 digits. Quotes in values are escaped, so that only the fields match.
  local correction = string.gsub(record, '"outcome":"%a+"', '"outcome":"correction"', 1)
  correction = string.gsub(correction, '"cost_nanos":%d+', '"cost_nanos":' .. difference, 1)
  redis.call('XADD', prefix .. ':usage', '*', 'record', correction)
  count(batch, 'cost_nanos', difference)
  return 'corrected'
end

-- By model: the jobs of one call share a few of them, and writing once is a fifth of what a settle costs less.
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

local function finish(kind, job, record, batch, result, counted)
  if not redis.call('SET', prefix .. ':result:' .. job, result, 'NX', 'PX', ttl) then return false end
  redis.call('PUBLISH', prefix .. ':done:' .. job, '1')
  local had_trail = redis.call('DEL', prefix .. ':trail:' .. job) == 1
  if kind == 'cached' then redis.call('XADD', prefix .. ':usage', '*', 'record', record) end
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

local replies = {}
for i = ${FIRST_JOB}, #ARGV, ${SETTLE_FIELDS.length} do
  local ${SETTLE_FIELDS.join(', ')} = unpack(ARGV, i, i + ${SETTLE_FIELDS.length - 1})
  local settled = kind == 'call' and settle_call(job, attempt, cost, record, batch, {
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
    if cache ~= '' then redis.call('SET', prefix .. ':cache:' .. cache, completion, 'PX', cache_ttl) end
  end
  if kind == 'cancel' and not may_cancel(job, told) then
    replies[#replies + 1] = false
  elseif result ~= '' then
    if finish(kind, job, record, batch, result, counted) then
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
renew_batches()
write_gates()
return replies
`;
