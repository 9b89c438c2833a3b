/**
 * Lua, part of all scripts of the ledger: one time for all that a call does, in epoch milliseconds by Redis' own clock.
 * `clock_shift` is 0 but where somebody plays another time.
 */
export const CLOCK = `
local time

local function now()
  if not time then
    local seconds, micros = unpack(redis.call('TIME'))
    time = seconds * 1000 + math.floor(micros / 1000) + clock_shift
  end
  return time
end

-- Parts that most calls have no need of are made when they are first needed: making functions costs time.
local function lazy(make)
  local made
  return function()
    made = made or make()
    return made
  end
end
`;
