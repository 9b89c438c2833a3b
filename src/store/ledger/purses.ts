/**
 * Lua, part of the ledger's scripts: purses, each a budget in one window. A purse is a hash
 * `<prefix>:budget:<purse>:<window>`, read once in a call however many jobs draw from it, changed in memory, and written
 * once at the end. All amounts are integer nano-dollars.
 *
 * Fields: `spent`, `held` (reserved by calls under way), `topped_up` (added to the limit in this window), `alerted` (when
 * its alert was raised, in ms).
 */
export const PURSES = `
local purses = {}

local function purse_of(key)
  local purse = purses[key]
  if not purse then
    local amounts = redis.call('HMGET', key, 'spent', 'held', 'topped_up')
    purse = { spent = tonumber(amounts[1] or 0), held = tonumber(amounts[2] or 0), spent_more = 0, held_more = 0 }
    purse.topped_up = tonumber(amounts[3] or 0)
    purse.is_new = not amounts[1] and not amounts[2]
    purses[key] = purse
  end
  return purse
end

local function hold(key, amount)
  local purse = purse_of(key)
  purse.held, purse.held_more = purse.held + amount, purse.held_more + amount
end

-- What was held is given back, and what the call really cost is spent.
local function charge(keys, released, cost)
  for key in string.gmatch(keys, '%S+') do
    hold(key, -released)
    local purse = purse_of(key)
    purse.spent, purse.spent_more = purse.spent + cost, purse.spent_more + cost
  end
end

local function write_purses()
  for key, purse in pairs(purses) do
    if purse.held_more ~= 0 then redis.call('HINCRBY', key, 'held', string.format('%.0f', purse.held_more)) end
    if purse.spent_more ~= 0 then redis.call('HINCRBY', key, 'spent', string.format('%.0f', purse.spent_more)) end
    if purse.life then redis.call('PEXPIRE', key, purse.life) end
  end
end
`;

/** Lua of ADMIT alone: what a purse has room for. */
export const LIMITS = `
local are_there_limits

-- A limit that was set by hand stands in place of the configured one.
local function limit_of(claim, purse)
  local limit = claim.limit
  if are_there_limits == nil then are_there_limits = redis.call('EXISTS', prefix .. ':budgets:limits') == 1 end
  if are_there_limits then
    local set = redis.call('HMGET', prefix .. ':budgets:limits', claim.purse, claim.name)
    limit = tonumber(set[1] or set[2]) or limit
  end
  return limit + purse.topped_up
end

-- Which purses the claims mean now. Reads each limit once in a call.
local looked_up = {}

local TOTAL = { id = 'total' }

local function look_up(claim)
  local window = claim.window == 'total' and TOTAL or windows().of(claim.window)
  local key = prefix .. ':budget:' .. claim.purse .. ':' .. window.id
  local found = looked_up[key]
  if not found then
    local purse = purse_of(key)
    found = { key = key, window = window, limit = limit_of(claim, purse), purse = purse }
    looked_up[key] = found
  end
  return found
end

local function begin_life(claim, found)
  local purse, window = found.purse, found.window
  if claim.passing then purse.life = description_ttl end
  if not purse.is_new then return end
  purse.is_new = false
  redis.call('ZADD', prefix .. ':budgets', window.ends or 9e15, found.key)
  if window.ends and not claim.passing then purse.life = window.ends - now() + window.keep * 86400000 end
end

-- What belongs to a job or a batch lives on while that waits: one that is forgotten could be spent a second time.
local function prolong(claims)
  for _, claim in ipairs(claims) do
    if claim.passing then look_up(claim).purse.life = description_ttl end
  end
end

-- Raised once in a window, when so much is spent.
local function alerts_of(claims)
  local alerts = {}
  for _, claim in ipairs(claims) do
    local found = look_up(claim)
    local spent = found.purse.spent
    if claim.alert and spent >= claim.alert * found.limit and not found.has_alerted then
      found.has_alerted = true
      -- Where nothing may be spent, nothing was ever held either.
      begin_life(claim, found)
      if redis.call('HSETNX', found.key, 'alerted', now()) == 1 then
        local texts = { string.format('%.0f', spent), string.format('%.0f', found.limit) }
        local alert = string.format(
          '{"purse":%s,"window":"%s","spent_nanos":%s,"limit_nanos":%s,"soft":%s}',
          cjson.encode(claim.purse), found.window.id, texts[1], texts[2], tostring(claim.soft == true)
        )
        redis.call('XADD', prefix .. ':alerts', 'MAXLEN', '~', 10000, '*', 'alert', alert)
        alerts[#alerts + 1] = alert
      end
    end
  end
  return alerts
end

-- The first claim that has no room for the amount besides what is spent and held: as a reply. Else nil.
local function denial(claims, amount)
  for index, claim in ipairs(claims) do
    local found = look_up(claim)
    local purse = found.purse
    if not claim.soft and purse.spent + purse.held + amount > found.limit then
      prolong(claims)
      local texts = {}
      for place, value in ipairs({ purse.spent, purse.held, found.limit }) do texts[place] = string.format('%.0f', value) end
      local resets = found.window.ends and found.window.ends - now() or -1
      return { 'denied', index - 1, texts[1], texts[2], texts[3], resets, alerts_of(claims) }
    end
  end
  return nil
end

-- Returns the purses' keys, as an open attempt remembers them.
local function hold_all(claims, amount)
  local keys = {}
  for index, claim in ipairs(claims) do
    local found = look_up(claim)
    begin_life(claim, found)
    hold(found.key, amount)
    keys[index] = found.key
  end
  return table.concat(keys, ' ')
end
`;
