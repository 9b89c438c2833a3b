import type { CallerClaim } from '../../domain/gate.ts';
import { callerGateName } from './names.ts';

/**
 * Lua, part of the ledger's scripts: the limits of those for whom calls are made. The gate of a caller has buckets and
 * counts calls like a key; it is a way of its own, never stopped or paused. Whoever finds it closed stands in line.
 *
 * `<prefix>:limits:refused` is a hash: name of a limit -> how often it has had a call wait.
 */
export const CALLERS = `
local known = {}

local function look_up_callers(text)
  local callers = known[text]
  if not callers then
    callers = cjson.decode(text)
    for _, caller in ipairs(callers) do
      local place = place_of(caller_gate_of(caller.gate), caller.limits)
      caller.places, caller.narrow, caller.has_rate = { place }, place, place.has_rate
    end
    known[text] = callers
  end
  return callers
end

-- Of several turns the last one counts, and the limit that gives it is named.
local function reply_of_callers(text, expected, comer, time_left)
  local denial
  for _, caller in ipairs(look_up_callers(text)) do
    if not has_limits_left(caller, comer) then
      denial = denial or { turn = 0, lines = {} }
      local turn = denial.turn
      lines().stand_in_lines(denial, caller, expected, comer)
      if denial.turn > turn then denial.limit = caller.limit end
    end
  end
  if not denial then return nil end
  redis.call('HINCRBY', prefix .. ':limits:refused', denial.limit, 1)
  local wait = lines().reply(denial, comer, time_left)[3]
  return { 'gated', 'caller', wait, denial.limit }
end

-- Returns what they add to the line for the ledger.
local function callers_come_in(text, expected)
  local passage = ''
  for _, caller in ipairs(look_up_callers(text)) do
    local charge = charge_of(caller, expected)
    begin_call(caller, charge)
    passage = passage .. '\\t' .. charge .. '\\t' .. caller.gate
  end
  return passage
end
`;

/** What ADMIT is told of the callers: JSON of { limit, gate, limits }[], or '' when no limit covers the call. */
export function callersText(callers: readonly CallerClaim[]): string {
  if (callers.length === 0) return '';
  return JSON.stringify(
    callers.map(({ limit, caller, limits }) => ({ limit, gate: callerGateName(limit, caller), limits })),
  );
}
