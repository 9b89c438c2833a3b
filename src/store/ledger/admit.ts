import { GATES_TO_PASS } from '../gates/scripts.ts';
import { ADMIT_FIELDS } from '../ledger-fields.ts';
import { LIMITS } from './purses.ts';
import { FIRST_JOB, WRITE_ALL, sharedBy } from './shared.ts';
import { WINDOWS } from './windows.ts';

/**
 * Admits attempts: the callers must have something left of their limits, then every budget must hold the reservation
 * besides what is spent and held already, and then every gate must be open. Whoever is refused has used up nothing.
 * ARGV: what all share; then ADMIT_FIELDS each, '' for what there is none of.
 * Reply for each: {'admitted', name of the key, alerts} | {'done', result} | {'superseded'} | {'cancelled'} | {'paused'} |
 * {'cached', completion} | {'following'} | {'denied', index of the claim from 0, spent, held, limit, ms until the window
 * resets or -1, alerts} | {'gated', reason, delay in ms, error code or ''} |
 * {'gated', 'caller', delay in ms, name of the limit}. Alerts are JSON.
 */
export const ADMIT = `#!lua
${sharedBy(GATES_TO_PASS)}
${WINDOWS}${LIMITS}
local decoded = {}

-- Most jobs of one call come with the same.
local function claims_of(text)
  if not decoded[text] then decoded[text] = cjson.decode(text) end
  return decoded[text]
end

-- Whether another job, which asks for the same, is about to get the answer. Where the last answer could not be shared, all
-- would wait for one after the other in vain.
local function is_following(job, cache)
  local leader = redis.call('HGET', prefix .. ':ledger:flights', cache)
  return leader
    and leader ~= job
    and redis.call('HEXISTS', prefix .. ':ledger:open', leader) == 1
    and redis.call('EXISTS', prefix .. ':unshared:' .. cache) == 0
end

local function admit(${ADMIT_FIELDS.join(', ')})
  local entry = open_attempt(job)
  -- Asked again, since the first reply was lost: whatever has happened meanwhile, the reservation is there.
  if entry and entry.attempt == attempt then return { 'admitted', key_of_passage(entry.gates), {} } end
  -- Two workers have the job, one of them by mistake: the one that started it first.
  if entry and is_before(attempt, entry.attempt) then return { 'superseded' } end
  -- If the attempt before this one is alive after all, its settle becomes a correction.
  if entry then write_off(job, entry) end
  local result = redis.call('GET', prefix .. ':result:' .. job)
  if result then return { 'done', result } end
  if batch ~= '' then
    local marks = redis.call('HMGET', prefix .. ':batch:' .. batch, 'cancelled', 'paused')
    if marks[1] then return { 'cancelled' } end
    if marks[2] then
      prolong(claims_of(budgets))
      return { 'paused' }
    end
  end
  if cache ~= '' then
    local completion = redis.call('GET', prefix .. ':cache:' .. cache)
    if completion then return { 'cached', completion } end
    if is_following(job, cache) then return { 'following' } end
  end
  local claims, amount = claims_of(budgets), tonumber(hold)
  local expected = tonumber(tokens)
  local refused = turn_away(callers, expected, standing, tonumber(time_left) or math.huge) or denial(claims, amount)
  if refused then return refused end
  local key, passage = pass_gates(gates, expected, standing, tonumber(patience) or math.huge, attempt, callers)
  if not key then return passage end
  local expires = string.format('%.0f', now() + tonumber(expires_in))
  local parts = { attempt, hold, hold_all(claims, amount), passage, cache, expires, batch, record, summary }
  redis.call('HSET', prefix .. ':ledger:open', job, table.concat(parts, '\\n'))
  if cache ~= '' then redis.call('HSET', prefix .. ':ledger:flights', cache, job) end
  touch(batch)
  return { 'admitted', key, alerts_of(claims) }
end

local replies = {}
for i = ${FIRST_JOB}, #ARGV, ${ADMIT_FIELDS.length} do
  replies[#replies + 1] = admit(unpack(ARGV, i, i + ${ADMIT_FIELDS.length - 1}))
end
${WRITE_ALL}
return replies
`;
