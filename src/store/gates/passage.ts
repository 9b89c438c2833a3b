/**
 * Lua, part of the ledger's scripts: how a call comes in at its gates, and what it tells them when it leaves.
 *
 * While it is under way its entry in the ledger has a line with these parts, separated by tabs: tokens charged, tokens
 * expected, when it was admitted, the key's name, and the names of its circuit, key and pair.
 */
export const COMING_IN = `
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
local function place_of(name, limits)
  local gate = gate_of(name)
  local state = gate.state
  return {
    gate = gate,
    limits = limits,
    call_limit = call_limit(gate, limits.concurrency),
    has_rate = limits.requests_per_minute or limits.tokens_per_minute or state.requests_told or state.tokens_told,
  }
end

local function look_up(claim, key)
  key.key_place, key.pair_place = place_of(key.gate, key.limits), place_of(key.pair, claim.limits)
  key.has_rate = key.key_place.has_rate or key.pair_place.has_rate
  key.rest_of_passage = table.concat({ '', now(), key.name, claim.circuit, key.gate, key.pair }, '\\t')
end

function has_room(place)
  return not place.call_limit or (place.gate.state.inflight or 0) < place.call_limit
end

local function is_open(key, is_returning)
  local gate, pair = key.key_place.gate, key.pair_place.gate
  if gate.state.stopped_since and stopped_until(gate, 'key') then return false end
  if paused_until(pair) or not has_room(key.key_place) or not has_room(key.pair_place) then return false end
  for _, bucket in ipairs(key.has_rate and rates().buckets_of(key) or NONE) do
    if not rates().lets_pass(bucket, is_returning) then return false end
  end
  return true
end

function charge_of(key, expected)
  local ratio = key.has_rate and key.pair_place.gate.state.tokens_ratio
  return ratio and math.ceil(expected * ratio) or expected
end

local function begin_call(place)
  set(place.gate, 'inflight', (place.gate.state.inflight or 0) + 1)
  set(place.gate, 'calls_limit', place.call_limit)
end

local function come_in(circuit, key, charge, attempt)
  local gate, pair = key.key_place.gate, key.pair_place.gate
  if circuit.state.stopped_since or gate.state.stopped_since or pair.state.closed_until then
    trouble().pass(circuit, gate, pair, attempt)
  end
  for _, bucket in ipairs(key.has_rate and rates().buckets_of(key) or NONE) do rates().take(bucket, charge) end
  begin_call(key.key_place)
  begin_call(key.pair_place)
end

-- The first key whose gates are open takes the call: returns its name and the line for the ledger. Else nil, and the
-- reply that tells why and when to come again.
function pass_gates(claim, expected, is_returning, patience, attempt)
  claim = claim_of(claim)
  local circuit = gate_of(claim.circuit)
  if not (circuit.state.stopped_since and stopped_until(circuit, 'circuit')) then
    for _, key in ipairs(claim.keys) do
      if not key.key_place then look_up(claim, key) end
      if is_open(key, is_returning) then
        local charge = charge_of(key, expected)
        come_in(circuit, key, charge, attempt)
        return key.name, charge .. '\\t' .. expected .. key.rest_of_passage
      end
    end
  end
  return nil, lines().reply_to(claim, expected, is_returning, patience)
end

function key_of_passage(passage)
  return string.match(passage, '^[^\\t]*\\t[^\\t]*\\t[^\\t]*\\t([^\\t]*)')
end
`;

export const LEAVING = `
local left = {}

local function gates_of(names)
  if not left[names] then
    local circuit, key, pair = string.match(names, '^[^\\t]*\\t([^\\t]*)\\t([^\\t]*)\\t(.*)$')
    left[names] = { circuit = gate_of(circuit), key = gate_of(key), pair = gate_of(pair) }
  end
  return left[names]
end

local function end_call(gate, took)
  local state = gate.state
  set(gate, 'inflight', math.max(0, (state.inflight or 0) - 1))
  if state.calls_limit then set(gate, 'calls_ms', state.calls_ms and state.calls_ms * 0.9 + took * 0.1 or took) end
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
  local gates = gates_of(names)
  local circuit, key, pair = gates.circuit, gates.key, gates.pair
  call.admitted = tonumber(admitted)
  if call.tokens and (key.state.tokens or pair.state.tokens) then
    if call.verdict == 'answered' then learn_ratio(pair, tonumber(expected), call.tokens) end
    correct_tokens(key, charged, call.tokens)
    correct_tokens(pair, charged, call.tokens)
  end
  if not circuit.state.stopped_since and call.admitted >= (circuit.state.recovered_at or 0) then
    local has_failed = call.verdict == 'failed' or call.verdict == 'overloaded'
    if has_failed or call.verdict == 'answered' then count_call(circuit, has_failed) end
  end
  if not is_calm(call, circuit, key, pair) then trouble().report(call, circuit, key, pair) end
  end_call(key, now() - call.admitted)
  end_call(pair, now() - call.admitted)
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
