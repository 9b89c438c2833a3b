import { CALLERS } from './callers.ts';

/**
 * Lua, part of the ledger's scripts: how a call comes in at its gates, and what it tells them when it leaves.
 *
 * A way is what a call has to pass together: `places` (gates that set limits, from wide to narrow), `narrow` (the last one
 * of them), `has_rate` (whether they have buckets).
 *
 * While it is under way its entry in the ledger has a line with these parts, separated by tabs: tokens charged, tokens
 * expected, when it was admitted, the key's name, and the names of its circuit, key and pair; then, for each of its
 * callers, tokens charged and the gate's name.
 */
export const COMING_IN = `
-- How a job comes to its gates, and the line in which it stands there.
local COMERS = {
  [''] = { line = 'turn' },
  returning = { line = 'turn', is_returning = true },
  first = { line = 'first_turn', goes_first = true },
  ['first returning'] = { line = 'first_turn', goes_first = true, is_returning = true },
}

local claims = {}

-- Most jobs of one call come with the same.
local function claim_of(text)
  local claim = claims[text]
  if not claim then
    claim = cjson.decode(text)
    claims[text] = claim
  end
  return claim
end

-- A gate that sets limits, with the limits that are configured for it.
local function place_of(gate, limits)
  local state = gate.state
  return {
    gate = gate,
    limits = limits,
    call_limit = call_limit(gate, limits.concurrency),
    has_rate = limits.requests_per_minute or limits.tokens_per_minute or state.requests_told or state.tokens_told,
  }
end

local function look_up(claim, key)
  local wide, narrow = place_of(gate_of(key.gate), key.limits), place_of(gate_of(key.pair), claim.limits)
  key.places, key.narrow = { wide, narrow }, narrow
  key.has_rate = wide.has_rate or narrow.has_rate
  key.rest_of_passage = table.concat({ '', now(), key.name, claim.circuit, key.gate, key.pair }, '\\t')
end

-- While those who go first stand in line, the places that get free are theirs. With half of them free nobody comes.
function has_room(place, comer)
  local limit, state = place.call_limit, place.gate.state
  if not limit then return true end
  local inflight = state.inflight or 0
  if comer.goes_first or (state.calls_first_turn or 0) <= now() then return inflight < limit end
  return inflight < math.floor(limit / 2)
end

local function has_limits_left(way, comer)
  for _, place in ipairs(way.places) do
    if not has_room(place, comer) then return false end
  end
  for _, bucket in ipairs(way.has_rate and rates().buckets_of(way) or NONE) do
    if not rates().lets_pass(bucket, comer) then return false end
  end
  return true
end

local function is_open(key, comer)
  local gate = key.places[1].gate
  if gate.state.stopped_since and stopped_until(gate, 'key') then return false end
  return not paused_until(key.narrow.gate) and has_limits_left(key, comer)
end

function charge_of(way, expected)
  local ratio = way.has_rate and way.narrow.gate.state.tokens_ratio
  return ratio and math.ceil(expected * ratio) or expected
end

local function begin_call(way, charge)
  for _, bucket in ipairs(way.has_rate and rates().buckets_of(way) or NONE) do rates().take(bucket, charge) end
  for _, place in ipairs(way.places) do
    set(place.gate, 'inflight', (place.gate.state.inflight or 0) + 1)
    set(place.gate, 'calls_limit', place.call_limit)
  end
end

local function come_in(circuit, key, charge, attempt)
  local gate, pair = key.places[1].gate, key.narrow.gate
  if circuit.state.stopped_since or gate.state.stopped_since or pair.state.closed_until then
    trouble().pass(circuit, gate, pair, attempt)
  end
  begin_call(key, charge)
end

local callers_of_calls = lazy(function()
  ${CALLERS}
  return { turn_away = reply_of_callers, come_in = callers_come_in }
end)

-- The reply for a call whose callers have used a limit up; nil for one that may go on. Nothing is used up by asking.
-- Asked before budgets; the time that is left is the job's.
function turn_away(callers, expected, standing, time_left)
  return callers ~= '' and callers_of_calls().turn_away(callers, expected, COMERS[standing], time_left) or nil
end

-- The first key whose gates are open takes the call: returns its name and the line for the ledger. Else nil, and the
-- reply that tells why and when to come again. Its callers are those that turn_away has let through in this step.
function pass_gates(claim, expected, standing, patience, attempt, callers)
  local comer = COMERS[standing]
  claim = claim_of(claim)
  local circuit = gate_of(claim.circuit)
  if not (circuit.state.stopped_since and stopped_until(circuit, 'circuit')) then
    for _, key in ipairs(claim.keys) do
      if not key.places then look_up(claim, key) end
      if is_open(key, comer) then
        local charge = charge_of(key, expected)
        come_in(circuit, key, charge, attempt)
        local passage = charge .. '\\t' .. expected .. key.rest_of_passage
        return key.name, callers == '' and passage or passage .. callers_of_calls().come_in(callers, expected)
      end
    end
  end
  return nil, lines().reply_to(claim, expected, comer, patience)
end

function key_of_passage(passage)
  return string.match(passage, '^[^\\t]*\\t[^\\t]*\\t[^\\t]*\\t([^\\t]*)')
end
`;

export const LEAVING = `
local left = {}

local function gates_of(names)
  if not left[names] then
    local circuit, key, pair, rest =
      string.match(names, '^[^\\t]*\\t([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)(.*)$')
    local callers = rest == '' and NONE or {}
    for charged, name in string.gmatch(rest, '\\t(%d+)\\t([^\\t]*)') do
      table.insert(callers, { gate = caller_gate_of(name), charged = charged })
    end
    left[names] = { circuit = gate_of(circuit), key = gate_of(key), pair = gate_of(pair), callers = callers }
  end
  return left[names]
end

local function end_call(gate, took)
  local state = gate.state
  set(gate, 'inflight', math.max(0, (state.inflight or 0) - 1))
  if state.calls_limit then set(gate, 'calls_ms', state.calls_ms and state.calls_ms * 0.9 + took * 0.1 or took) end
end

local function leave_caller(caller, expected, call, took)
  local gate = caller.gate
  if call.tokens and gate.state.tokens then
    if call.verdict == 'answered' then learn_ratio(gate, expected, call.tokens) end
    correct_tokens(gate, caller.charged, call.tokens)
  end
  end_call(gate, took)
end

local function is_calm(call, circuit, key, pair)
  return call.verdict == 'answered'
    and not call.limits
    and not circuit.state.stopped_since
    and not key.state.stopped_since
    and not pair.state.adaptive
    and not pair.state.strikes
end

-- A call has ended: { attempt, verdict, code, wait, tokens, limits }, the last four where they are known.
function leave_gates(passage, call)
  local charged, expected, admitted, names = string.match(passage, '^(%d+)\\t(%d+)\\t(%d+)\\t(.*)$')
  expected = tonumber(expected)
  local gates = gates_of(names)
  local circuit, key, pair = gates.circuit, gates.key, gates.pair
  call.admitted = tonumber(admitted)
  if call.tokens and (key.state.tokens or pair.state.tokens) then
    if call.verdict == 'answered' then learn_ratio(pair, expected, call.tokens) end
    correct_tokens(key, charged, call.tokens)
    correct_tokens(pair, charged, call.tokens)
  end
  if not circuit.state.stopped_since and call.admitted >= (circuit.state.recovered_at or 0) then
    local has_failed = call.verdict == 'failed' or call.verdict == 'overloaded'
    if has_failed or call.verdict == 'answered' then count_call(circuit, has_failed) end
  end
  if not is_calm(call, circuit, key, pair) then trouble().report(call, circuit, key, pair) end
  local took = now() - call.admitted
  end_call(key, took)
  end_call(pair, took)
  for _, caller in ipairs(gates.callers) do leave_caller(caller, expected, call, took) end
end
`;

/** What is rare: what a call finds, or tells, when not all is well. */
export const TROUBLE = `
local function pass(circuit, key, pair, attempt)
  try(circuit, attempt, 'circuit')
  try(key, attempt, 'key')
  forget_pause(pair)
end

local function report(call, circuit, key, pair)
  local verdict, state = call.verdict, pair.state
  if verdict == 'answered' then
    grow(pair)
    if state.strikes and call.admitted > state.closed_since then set(pair, 'strikes', nil) end
  elseif verdict == 'throttled' or verdict == 'overloaded' then
    if verdict == 'throttled' then throttle(pair, call) end
    shrink(pair, call.admitted)
  end
  if call.limits then heed_limits(pair, call.limits, call.code, call.wait) end
  report_to_circuit(circuit, call)
  report_to_key(key, call)
end
`;
