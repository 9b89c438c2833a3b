/**
 * Lua, part of the ledger's scripts: what a call is told that finds all gates closed: why, and when its turn is. The
 * turns of `buckets.ts` and `calls.ts` are booked here.
 */
export const LINES = `
-- Where so many wait that a turn would be further away than this, one comes back earlier to see what has changed. For
-- the pace of calls and of tokens is a guess, and a mere assumption before it is known how long calls take, and how much
-- of what was expected they use.
local LONGEST_MS = { requests = 600000, tokens = 60000, calls = 30000 }
local LONGEST_UNKNOWN_MS = 5000
local ASSUMED_CALL_MS = 250
local SHORTEST_CALL_WAIT_MS = 50

local function stand_in(denial, line, from, is_known)
  local longest = is_known and LONGEST_MS[line.kind] or LONGEST_UNKNOWN_MS
  local turn = line.turn
  if turn - from > longest then
    turn = from + longest * (0.5 + math.random() / 2)
  else
    table.insert(denial.lines, line)
  end
  if turn <= denial.turn then return end
  denial.turn = turn
  if denial.reason ~= 'throttled' then denial.reason = line.kind == 'calls' and 'concurrency' or 'rate' end
end

-- Calls do not end evenly. So that no place stays empty for long, one comes somewhat more often than they end, the more
-- so the fewer there may be.
local function call_interval(place, call_ms)
  return call_ms / (1.1 * place.call_limit + 4)
end

-- Those of a way in which there is nothing left; all of its narrow gate while that is paused.
local function stand_in_lines(denial, way, expected, comer, paused)
  local narrow, charge = way.narrow.gate, charge_of(way, expected)
  for _, bucket in ipairs(way.has_rate and rates().buckets_of(way) or NONE) do
    local is_paused = paused and bucket.gate == narrow
    if is_paused or not rates().lets_pass(bucket, comer) then
      local line = { kind = bucket.kind, turn = rates().next_turn(bucket, comer), bucket = bucket, charge = charge }
      stand_in(denial, line, is_paused and paused or now(), bucket.kind == 'requests' or narrow.state.tokens_ratio)
    end
  end
  for _, place in ipairs(way.places) do
    local is_paused = paused and place.gate == narrow
    if place.call_limit and (is_paused or not has_room(place, comer)) then
      local state = place.gate.state
      local from, call_ms = is_paused and paused or now(), state.calls_ms
      local last = math.max(state['calls_' .. comer.line] or 0, state.calls_first_turn or 0, from)
      local turn = last + call_interval(place, call_ms or ASSUMED_CALL_MS)
      stand_in(denial, { kind = 'calls', turn = turn, gate = place.gate }, from, call_ms)
    end
  end
end

-- Why no call may pass with this key, until when, and the lines to stand in.
local function denial_of(key, expected, comer)
  local gate = key.places[1].gate
  local stopped = stopped_until(gate, 'key')
  if stopped then return { reason = 'key', turn = stopped, code = gate.state.code, lines = {} } end
  local paused = paused_until(key.narrow.gate)
  local denial = { reason = paused and 'throttled', turn = paused or 0, lines = {} }
  stand_in_lines(denial, key, expected, comer, paused)
  return denial
end

local function reply(denial, comer, patience)
  local wait = denial.turn - now()
  if denial.reason == 'concurrency' then wait = math.max(SHORTEST_CALL_WAIT_MS, wait) end
  if wait > patience then
    -- No turn is kept for those who will not come; should they all the same, then not all at once.
    wait = wait * (1 + math.random() / 2)
  else
    for _, line in ipairs(denial.lines) do
      if line.bucket then
        rates().book(line.bucket, line.charge, comer)
      else
        set(line.gate, 'calls_' .. comer.line, line.turn)
      end
    end
  end
  return { 'gated', denial.reason, math.max(1, math.ceil(wait)), denial.code or '' }
end

-- Of the turns that the keys have to give the one that comes first.
local function reply_to(claim, expected, comer, patience)
  local circuit = gate_of(claim.circuit)
  local stopped = stopped_until(circuit, 'circuit')
  if stopped then
    return reply({ reason = 'circuit', turn = stopped, code = circuit.state.code, lines = {} }, comer, math.huge)
  end
  local best
  for _, key in ipairs(claim.keys) do
    local denial = denial_of(key, expected, comer)
    if not best or denial.turn < best.turn then best = denial end
  end
  return reply(best, comer, patience)
end
`;
