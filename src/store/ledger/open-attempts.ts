/**
 * Lua, part of the ledger's scripts: the attempts that are admitted and not settled, and what becomes of those of which
 * nothing is ever heard again.
 *
 * An open attempt is one string in the hash `ledger:open`, by its job, with its parts on lines of their own: attempt id,
 * held nano-dollars, keys of its purses, gates (see `gates/passage.ts`), key of the response cache, when nobody can be
 * working on it any more (ms), batch id, and the usage record and the attempt summary that are written when it is written
 * off. The hash `ledger:sent` has the attempt id of each job whose call may have gone out.
 */
export const OPEN_ATTEMPTS = `
local function open_attempt(job)
  local entry = redis.call('HGET', prefix .. ':ledger:open', job)
  if not entry then return nil end
  local attempt, held, purse_keys, gates, cache, expires, rest =
    string.match(entry, '^([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n()')
  return {
    attempt = attempt,
    held = tonumber(held),
    purse_keys = purse_keys,
    gates = gates,
    cache = cache,
    expires = tonumber(expires),
    text = entry,
    rest = rest,
  }
end

-- Whether one attempt of a job was started before another. Ids end in the job's revision, if it has one, and its start.
local function is_before(one, other)
  local function order(attempt)
    return tonumber(string.match(attempt, '%.r(%d+):%d+$') or 0) * 1e9 + tonumber(string.match(attempt, ':(%d+)$') or 0)
  end
  return order(one) < order(other)
end

local function close_attempt(job, entry, cost, report)
  charge(entry.purse_keys, entry.held, cost)
  leave_gates(entry.gates, report)
  redis.call('HDEL', prefix .. ':ledger:open', job)
  redis.call('HDEL', prefix .. ':ledger:sent', job)
  if entry.cache ~= '' then redis.call('HDEL', prefix .. ':ledger:flights', entry.cache) end
end

-- Before anything else is changed: where the stream cannot be written to, as by a user who may not, the attempt stays
-- open. Then the next start of the job fails at the same point, and does not make, and pay, the call once more.
local function add_usage(record)
  redis.call('XADD', prefix .. ':usage', '*', 'record', record)
end

local function add_to_trail(job, batch, summary)
  -- Of a job that has ended meanwhile: nobody will ask for it, and it must not count as one that goes on.
  if redis.call('EXISTS', prefix .. ':result:' .. job) == 1 then return end
  local trail = prefix .. ':trail:' .. job
  local length = redis.call('RPUSH', trail, summary)
  redis.call('PEXPIRE', trail, ttl)
  if length == 1 then count(batch, 'retrying', 1) end
end

-- Of an attempt that nothing was heard of: what never went out is given back, and nothing was used. What may have gone out
-- may have been billed: it is charged what was held for it, and marked.
local function write_off(job, entry)
  local was_sent = redis.call('HGET', prefix .. ':ledger:sent', job) == entry.attempt
  local report = { attempt = entry.attempt, verdict = 'neutral', tokens = not was_sent and 0 or nil }
  local batch, record, summary = string.match(entry.text, '^([^\\n]*)\\n([^\\n]*)\\n(.*)$', entry.rest)
  if was_sent then add_usage(record) end
  close_attempt(job, entry, was_sent and entry.held or 0, report)
  if not was_sent then return end
  local charged = string.format('%.0f', entry.held)
  redis.call('SET', prefix .. ':ledger:written-off:' .. entry.attempt, charged .. '\\n' .. entry.purse_keys, 'PX', ttl)
  count_attempt(batch, entry.held)
  add_to_trail(job, batch, summary)
end
`;
