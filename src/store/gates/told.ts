/**
 * Lua, part of the ledger's scripts: what a provider's answers tell of its limits for a pair. See `buckets.ts` for what
 * is kept of it.
 */
export const TOLD_LIMITS = `
local KEPT_MS, RENEWED_AFTER_MS = 300000, 60000
local WINDOWS = { 1000, 60000, HOUR, DAY }

-- Providers tell until when all of a limit is there again, not its window. Most fill it up evenly: what is used of it
-- and how long that takes to come back give the window. Of those that tell whole seconds, a few seconds say nothing.
local function window_of(told)
  local used = told.limit - told.remaining
  if used <= 0 or (told.resetMs < 5000 and told.resetMs % 1000 == 0) then return nil end
  local estimate = math.log(told.resetMs * told.limit / used)
  local nearest
  for _, window in ipairs(WINDOWS) do
    if not nearest or math.abs(math.log(window) - estimate) < math.abs(math.log(nearest) - estimate) then
      nearest = window
    end
  end
  return nearest
end

-- Only windows of up to a minute are paced: a day's limit may be used up in the morning. Of two paces the lower stands
-- until it is no longer told.
local function learn_limit(pair, kind, limit, window)
  local until_ms = pair.state[kind .. '_told_until'] or 0
  local known = until_ms > now() and pair.state[kind .. '_told'] or math.huge
  if limit > known or (limit == known and until_ms - now() > KEPT_MS - RENEWED_AFTER_MS) then return end
  set(pair, kind .. '_told', limit)
  set(pair, kind .. '_told_window', window)
  set(pair, kind .. '_told_until', now() + KEPT_MS)
end

-- Who says when to come again means that, and not when all of a limit is there.
local function heed_limits(pair, limits, code, asked)
  for _, kind in ipairs(KINDS) do
    local told = limits[kind]
    if told and told.limit > 0 and told.resetMs > 0 then
      local window = window_of(told)
      if window and window <= 60000 then learn_limit(pair, kind, told.limit * 60000 / window, window) end
      if told.remaining <= 0 and not asked then exhaust(pair, told.resetMs, window == DAY, code) end
    end
  end
end
`;
