/**
 * Lua, part of the ledger's scripts: circuits and keys that are stopped.
 *
 * A circuit is stopped when its calls fail, a key when it is refused. After a while one call in the whole cluster may try
 * it: it ends the stop, or prolongs it. All calls that were admitted since the stop are such trials; what those say that
 * were under way before says nothing new.
 *
 * Fields: `stopped_since`, `retry_at` (when one may try), `strikes` (trials that failed), `probe` (the attempt that
 * tries), `probe_until` (after which another may), `look_at` (when the others look again), `code` (why), `recovered_at`.
 * Of a circuit also `failed` and `ended` (calls in the window), `window_at` (when it began).
 */
export const CIRCUIT_COUNTS = `
local failure_limit, failure_share, window = tonumber(circuit_failures), tonumber(circuit_share), tonumber(circuit_window)

-- As many calls as it takes to judge stand for all: the thousands that were answered before a provider died must not hide
-- that it is dead.
local function count_call(circuit, has_failed)
  local state = circuit.state
  local failed, ended = state.failed, state.ended
  if not ended or now() - state.window_at >= window then
    set(circuit, 'window_at', now())
    failed, ended = 0, 0
  end
  failed, ended = has_failed and failed + 1 or failed, ended + 1
  if ended * failure_share >= 4 * failure_limit and failed < ended * failure_share then
    failed, ended = math.floor(failed / 2), math.floor(ended / 2)
  end
  set(circuit, 'failed', failed)
  set(circuit, 'ended', ended)
end
`;

export const STOPS = `
-- A probe may take so long before another one is sent; the others look again every few seconds.
local PROBE_MS, LOOK_AGAIN_MS = 120000, 5000
local KEY_STOP_MS, LONGEST_KEY_STOP_MS = 60000, 600000
local LONGEST_TOLD_STOP_MS = 32 * DAY
local OF_A_STOP = { 'stopped_since', 'retry_at', 'strikes', 'probe', 'probe_until', 'look_at', 'code', 'failed', 'ended' }

local function announce_probe(gate, reason)
  set(gate, 'look_at', now() + LOOK_AGAIN_MS)
  announce(gate, gate.state.look_at, gate.state.stopped_since, reason, gate.state.code)
end

-- When to come again; nil when the call may pass, be it to try.
local function stopped_until(gate, reason)
  local state = gate.state
  if not state.stopped_since then return nil end
  if now() < state.retry_at then return state.retry_at + math.random() * (state.retry_at - now()) / 10 end
  if not state.probe or now() >= state.probe_until then return nil end
  if now() >= state.look_at then announce_probe(gate, reason) end
  return now() + LOOK_AGAIN_MS * (0.5 + math.random() / 2)
end

local function try(gate, attempt, reason)
  if not gate.state.stopped_since then return end
  set(gate, 'probe', attempt)
  set(gate, 'probe_until', now() + PROBE_MS)
  announce_probe(gate, reason)
end

local function stop(gate, wait, reason, code)
  local state = gate.state
  set(gate, 'stopped_since', state.stopped_since or now())
  set(gate, 'retry_at', now() + wait)
  set(gate, 'code', code)
  set(gate, 'probe', nil)
  set(gate, 'renewed', 0)
  announce(gate, state.retry_at, state.stopped_since, reason, code)
end

local function resume(gate)
  for _, field in ipairs(OF_A_STOP) do set(gate, field, nil) end
  set(gate, 'recovered_at', now())
  withdraw(gate)
end

local function doubled(base, times, longest)
  return math.min(longest, base * 2 ^ math.min(30, times))
end

-- 'answered' ends the stop, 'failed' prolongs it, anything else leaves it to another call to try.
local function judge_trial(gate, call, verdict, wait, reason)
  local state = gate.state
  if verdict == 'answered' then return resume(gate) end
  if verdict == 'failed' then
    set(gate, 'strikes', (state.strikes or 0) + 1)
    return stop(gate, wait, reason, call.code)
  end
  if state.probe ~= call.attempt then return end
  set(gate, 'probe', nil)
  announce(gate, now(), state.stopped_since, reason, state.code)
end

local function report_to_circuit(circuit, call)
  local state = circuit.state
  local verdict = call.verdict == 'overloaded' and 'failed' or call.verdict
  if not state.stopped_since then
    if verdict ~= 'failed' or call.admitted < (state.recovered_at or 0) then return end
    if state.failed < failure_limit or state.failed < state.ended * failure_share then return end
    stop(circuit, circuit_cooldown, 'circuit', call.code)
  elseif call.admitted > state.stopped_since then
    local wait = doubled(circuit_cooldown, (state.strikes or 0) + 1, tonumber(circuit_longest))
    judge_trial(circuit, call, verdict, wait, 'circuit')
  end
end

local function report_to_key(key, call)
  local state, is_refused = key.state, call.verdict == 'refused'
  local told = call.wait and math.min(LONGEST_TOLD_STOP_MS, call.wait)
  if not state.stopped_since then
    if is_refused and call.admitted >= (state.recovered_at or 0) then stop(key, told or KEY_STOP_MS, 'key', call.code) end
  elseif call.admitted > state.stopped_since then
    local verdict = is_refused and 'failed' or call.verdict == 'answered' and 'answered' or 'neutral'
    judge_trial(key, call, verdict, told or doubled(KEY_STOP_MS, (state.strikes or 0) + 1, LONGEST_KEY_STOP_MS), 'key')
  elseif is_refused and told and not state.probe and now() + told > state.retry_at then
    -- One of those that were under way knows better for how long.
    stop(key, told, 'key', call.code)
  end
end
`;
