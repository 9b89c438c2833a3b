/**
 * The ledger's scripts. Each takes many jobs at once (see `script-batcher.ts`): ARGV begins with what all share, then
 * holds a fixed number of fields a job. All key names are built from the prefix, which carries the cluster's hash tag.
 *
 * An open attempt is one string in the hash `open`, its parts on lines of their own:
 * attempt id, held nano-dollars, budgets (JSON list of keys), batch id, the usage record and the attempt summary that
 * are written if nothing is ever heard of it again.
 */

const SHARED = `
local function open_attempt(prefix, job)
  local entry = redis.call('HGET', prefix .. ':ledger:open', job)
  if not entry then return nil end
  local attempt, held, budgets, rest = string.match(entry, '^([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n()')
  return { attempt = attempt, held = held, budgets = budgets, text = entry, rest = rest }
end

local function charge(budgets, released, cost)
  if budgets == '' then return end
  for _, key in ipairs(cjson.decode(budgets)) do
    if released ~= '0' then redis.call('HINCRBY', key, 'held', '-' .. released) end
    if cost ~= '0' then redis.call('HINCRBY', key, 'spent', cost) end
  end
end

local function count_attempt(prefix, batch, cost)
  if batch == '' then return end
  redis.call('HINCRBY', prefix .. ':batch:' .. batch, 'attempts', 1)
  if cost ~= '0' then redis.call('HINCRBY', prefix .. ':batch:' .. batch, 'cost_nanos', cost) end
end

local function add_to_trail(prefix, job, batch, summary, ttl)
  -- Of a job that has ended meanwhile: nobody will ask for it, and it must not count as one that goes on.
  if redis.call('EXISTS', prefix .. ':result:' .. job) == 1 then return end
  local trail = prefix .. ':trail:' .. job
  local length = redis.call('RPUSH', trail, summary)
  redis.call('PEXPIRE', trail, ttl)
  if length == 1 and batch ~= '' then redis.call('HINCRBY', prefix .. ':batch:' .. batch, 'retrying', 1) end
end

-- An attempt that nothing was heard of may have been billed: it is charged what was held for it, and marked.
local function write_off(prefix, job, entry, ttl)
  local batch, record, summary = string.match(entry.text, '^([^\\n]*)\\n([^\\n]*)\\n(.*)$', entry.rest)
  charge(entry.budgets, entry.held, entry.held)
  redis.call('XADD', prefix .. ':usage', '*', 'record', record)
  redis.call('SET', prefix .. ':ledger:written-off:' .. entry.attempt, entry.held .. '\\n' .. entry.budgets, 'PX', ttl)
  redis.call('HDEL', prefix .. ':ledger:open', job)
  count_attempt(prefix, batch, entry.held)
  add_to_trail(prefix, job, batch, summary, ttl)
end
`;

/**
 * What is known of jobs that were started before: writes off an attempt that was left open, and returns for each job
 * its stored result (or false), the summaries of its attempts so far, and until when which models are benched.
 * ARGV: prefix, ttl in ms; then a job id each.
 */
export const HISTORY = `#!lua flags=allow-oom
${SHARED}
local prefix, ttl = ARGV[1], ARGV[2]
local replies = {}
for i = 3, #ARGV do
  local job = ARGV[i]
  local entry = open_attempt(prefix, job)
  if entry then write_off(prefix, job, entry, ttl) end
  replies[#replies + 1] = {
    redis.call('GET', prefix .. ':result:' .. job),
    redis.call('LRANGE', prefix .. ':trail:' .. job, 0, -1),
    redis.call('HGETALL', prefix .. ':benched'),
  }
end
return replies
`;

/**
 * Admits attempts: every budget must hold the reservation besides what is spent and held already.
 * ARGV: prefix, ttl in ms; then job, attempt, hold, budgets (JSON list of {key, limit}, or ''), keys (JSON list, or ''), batch,
 * cache key ('' for none), record, summary.
 * Reply for each: {'admitted'} | {'done', result} | {'cancelled'} | {'cached', completion} |
 * {'denied', index of the budget from 0, spent, held}.
 */
export const ADMIT = `#!lua
${SHARED}
local prefix, ttl = ARGV[1], ARGV[2]

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

local function admit(job, attempt, hold, budgets, keys, batch, cache, record, summary)
  local entry = open_attempt(prefix, job)
  -- Asked again, since the first reply was lost: whatever has happened meanwhile, the reservation is there.
  if entry and entry.attempt == attempt then return { 'admitted' } end
  -- Two workers have the job, one of them by mistake. If the other attempt is alive, its settle becomes a correction.
  if entry then write_off(prefix, job, entry, ttl) end
  local result = redis.call('GET', prefix .. ':result:' .. job)
  if result then return { 'done', result } end
  if batch ~= '' and redis.call('HGET', prefix .. ':batch:' .. batch, 'cancelled') then return { 'cancelled' } end
  if cache ~= '' then
    local completion = redis.call('GET', prefix .. ':cache:' .. cache)
    if completion then return { 'cached', completion } end
  end
  local refused = denial(budgets, tonumber(hold))
  if refused then return refused end
  if keys ~= '' then
    for _, key in ipairs(cjson.decode(keys)) do redis.call('HINCRBY', key, 'held', hold) end
  end
  redis.call('HSET', prefix .. ':ledger:open', job, table.concat({ attempt, hold, keys, batch, record, summary }, '\\n'))
  return { 'admitted' }
end

local replies = {}
for i = 3, #ARGV, 9 do
  replies[#replies + 1] = admit(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8])
end
return replies
`;

/**
 * Settles attempts: budget, usage record, result, batch counters, observations and cache move together, and a repeated
 * settle changes nothing. An attempt that had been written off gets a signed correction instead.
 * It may run when Redis is out of memory: what was spent must be written down.
 * ARGV: prefix, ttl of results in ms; then kind ('call' | 'cached' | 'cancel' | 'none'), job, attempt, cost, record, summary,
 * batch, result ('' when the job goes on), outcome field of the batch to count ('completed' | 'failed' | ''),
 * fallback ('1' when this was not the job's first attempt), cache key, completion for the cache, cache ttl in ms,
 * model, observed latency in ms (-1 for a failure, '' for none), benched until (epoch ms, '' for not), the models that
 * are benched (a line each).
 * Reply for each: 1 when this call ended the job, the result that stood already when another did, false when it goes
 * on: also a cancelled one whose call is under way.
 */
export const SETTLE = `#!lua flags=allow-oom
${SHARED}
local prefix, ttl = ARGV[1], ARGV[2]

local function settle_call(job, attempt, cost, record, batch)
  local entry = open_attempt(prefix, job)
  if entry and entry.attempt == attempt then
    charge(entry.budgets, entry.held, cost)
    redis.call('HDEL', prefix .. ':ledger:open', job)
    redis.call('XADD', prefix .. ':usage', '*', 'record', record)
    count_attempt(prefix, batch, cost)
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
  if batch ~= '' then redis.call('HINCRBY', prefix .. ':batch:' .. batch, 'cost_nanos', difference) end
  return 'corrected'
end

-- By model: the jobs of one call share a few of them, and writing once is a fifth of what a settle costs less.
local observed = {}

local function observe(model, latency, benched, models)
  if latency ~= '' then
    observed[model] = observed[model] or {}
    table.insert(observed[model], latency)
  end
  if benched == '' then return end
  for name in string.gmatch(models, '[^\\n]+') do
    local known = redis.call('HGET', prefix .. ':benched', name)
    if not known or tonumber(known) < tonumber(benched) then redis.call('HSET', prefix .. ':benched', name, benched) end
  end
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
  if batch == '' then return true end
  local key = prefix .. ':batch:' .. batch
  redis.call('HINCRBY', key, counted, 1)
  if kind == 'cached' then redis.call('HINCRBY', key, 'cached', 1) end
  if had_trail then redis.call('HINCRBY', key, 'retrying', -1) end
  return true
end

local replies = {}
for i = 3, #ARGV, 17 do
  local kind, job, attempt, cost, record, summary = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local batch, result, counted, fallback = ARGV[i + 6], ARGV[i + 7], ARGV[i + 8], ARGV[i + 9]
  local settled = kind == 'call' and settle_call(job, attempt, cost, record, batch) == 'settled'
  if settled then
    observe(ARGV[i + 13], ARGV[i + 14], ARGV[i + 15], ARGV[i + 16])
    if fallback == '1' and batch ~= '' then redis.call('HINCRBY', prefix .. ':batch:' .. batch, 'fallbacks', 1) end
    if ARGV[i + 10] ~= '' then redis.call('SET', prefix .. ':cache:' .. ARGV[i + 10], ARGV[i + 11], 'PX', ARGV[i + 12]) end
  end
  if kind == 'cancel' and redis.call('HEXISTS', prefix .. ':ledger:open', job) == 1 then
    replies[#replies + 1] = false
  elseif result ~= '' then
    if finish(kind, job, record, batch, result, counted) then
      replies[#replies + 1] = 1
    else
      replies[#replies + 1] = redis.call('GET', prefix .. ':result:' .. job)
    end
  else
    if settled then add_to_trail(prefix, job, batch, summary, ttl) end
    replies[#replies + 1] = false
  end
end
write_observed()
return replies
`;
