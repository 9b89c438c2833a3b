/**
 * Lua, part of the ledger's scripts: how many calls are under way, of a key, of a pair and of a caller.
 *
 * The limit is the configured one, and for a pair also one that adapts itself: there is none until the provider says that
 * it is too much (429, 503, 529); then it is seven tenths of what was under way, and grows by one for every full round of
 * answers. A call tells of the limit under which it was sent: those of one burst lower it once.
 *
 * Those who find it reached are told when a call should have ended for them (see `lines.ts`).
 *
 * Fields: `inflight`, `calls_limit` (as it is enforced), `calls_turn` and `calls_first_turn` (when the next in either
 * line may come), `calls_ms` (how long calls take, while there is a limit). Of a pair also `adaptive` (the limit, with a fraction), `adapted_at` (when it
 * was last lowered), `idle_since` (since when it has been far above what is under way).
 */
export const CALL_LIMIT = `
local function call_limit(gate, configured)
  local adaptive = gate.state.adaptive
  if not adaptive then return configured end
  return math.min(configured or math.huge, math.max(1, math.floor(adaptive)))
end
`;

export const ADAPTATION = `
local SHRINK, SHORTEST_SHRINK_MS = 0.7, 1000
local FORGET_AFTER_MS = 60000

local function shrink(pair, admitted)
  local state = pair.state
  local adapted_at = state.adapted_at or 0
  if admitted <= adapted_at or now() - adapted_at < SHORTEST_SHRINK_MS then return end
  local limit = math.min(state.adaptive or math.huge, state.inflight or 1)
  set(pair, 'adaptive', math.max(1, math.floor(limit * SHRINK)))
  set(pair, 'adapted_at', now())
  set(pair, 'idle_since', nil)
end

local function grow(pair)
  local state = pair.state
  if not state.adaptive then return end
  local is_idle = state.adaptive > 2 * (state.inflight or 0)
  if is_idle and state.idle_since and now() - state.idle_since > FORGET_AFTER_MS then
    set(pair, 'adaptive', nil)
    set(pair, 'idle_since', nil)
  else
    set(pair, 'adaptive', state.adaptive + 1 / math.floor(state.adaptive))
    set(pair, 'idle_since', is_idle and (state.idle_since or now()) or nil)
  end
end
`;
