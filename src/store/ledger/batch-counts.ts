/**
 * Lua, part of the ledger's scripts: the counters of batches, `<prefix>:batch:<id>`, changed in memory and written once at
 * the end of a call.
 */
export const BATCH_COUNTS = `
-- The batches that this call touches: what their counters grow by, or false for one that is not known.
local batches = {}

local function touch(batch)
  if batch == '' or batches[batch] ~= nil then return end
  batches[batch] = redis.call('HEXISTS', prefix .. ':batch:' .. batch, 'manifest') == 1 and {}
end

-- Not for a forgotten batch: that would leave a hash of counters alone, which nobody can read and nothing ends.
local function count(batch, field, amount)
  touch(batch)
  local counts = batches[batch]
  if counts then counts[field] = (counts[field] or 0) + amount end
end

local function count_attempt(batch, cost)
  count(batch, 'attempts', 1)
  count(batch, 'cost_nanos', cost)
end

-- Whatever moves in a batch gives it and its cap another life, so that both outlive the results of all rows.
local function write_batches()
  for batch, counts in pairs(batches) do
    local key = prefix .. ':batch:' .. batch
    for field, amount in pairs(counts or {}) do
      if amount ~= 0 then redis.call('HINCRBY', key, field, string.format('%.0f', amount)) end
    end
    redis.call('PEXPIRE', key, description_ttl)
    redis.call('PEXPIRE', prefix .. ':budget:batch:' .. batch .. ':total', description_ttl)
  end
end
`;
