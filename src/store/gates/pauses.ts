/**
 * Lua, part of the ledger's scripts: pairs that are paused, since the provider says that it was too much, or that nothing
 * is left.
 *
 * Fields: `closed_until`, `closed_since` (by which a call that was sent after the pause is told from one of the burst
 * that led to it), `strikes` (pauses one after the other).
 */
export const PAUSED = `
local function paused_until(pair)
  local until_ms = pair.state.closed_until
  return until_ms and until_ms > now() and until_ms or nil
end
`;

export const PAUSES = `
local SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS = 250, 300000
local FIRST_OWN_PAUSE_MS, LONGEST_OWN_PAUSE_MS = 1000, 60000

-- What the provider has refused is not there: the buckets begin to fill when the pause is over.
local function pause(pair, wait, code)
  local state = pair.state
  local until_ms = now() + math.ceil(wait)
  if until_ms <= (state.closed_until or 0) then return end
  set(pair, 'closed_until', until_ms)
  for _, kind in ipairs(KINDS) do
    if state[kind] then
      set(pair, kind, math.min(state[kind], 0))
      set(pair, kind .. '_at', until_ms)
    end
  end
  announce(pair, until_ms, state.closed_since, 'throttled', code)
end

local function exhaust(pair, reset, is_of_day, code)
  if not paused_until(pair) then set(pair, 'closed_since', now()) end
  pause(pair, math.min(reset, is_of_day and HOUR or LONGEST_PAUSE_MS), code)
end

local function throttle(pair, call)
  local state = pair.state
  local is_after_pause = call.admitted > (state.closed_since or 0)
  if is_after_pause then
    set(pair, 'closed_since', now())
    set(pair, 'strikes', (state.strikes or 0) + 1)
  end
  if call.wait then
    pause(pair, math.max(SHORTEST_PAUSE_MS, math.min(LONGEST_PAUSE_MS, call.wait)), call.code)
  elseif is_after_pause or not paused_until(pair) then
    local wait = math.min(LONGEST_OWN_PAUSE_MS, FIRST_OWN_PAUSE_MS * 2 ^ math.min(30, (state.strikes or 1) - 1))
    pause(pair, wait * (0.8 + 0.4 * math.random()), call.code)
  end
end

-- When a call passes.
local function forget_pause(pair)
  if not pair.state.closed_until then return end
  set(pair, 'closed_until', nil)
  withdraw(pair)
end
`;
