import { ANNOUNCEMENTS } from './announcements.ts';
import { BUCKETS, TOKEN_CORRECTIONS } from './buckets.ts';
import { ADAPTATION, CALL_LIMIT } from './calls.ts';
import { LINES } from './lines.ts';
import { COMING_IN, LEAVING, TROUBLE } from './passage.ts';
import { PAUSED, PAUSES } from './pauses.ts';
import { GATE_STATE } from './state.ts';
import { CIRCUIT_COUNTS, STOPS } from './stops.ts';
import { TOLD_LIMITS } from './told.ts';

/**
 * Lua for the ledger's scripts. It counts on `prefix` and on the settings of circuits (`circuit_failures` and so on).
 *
 * Measured, most of what a script costs is the functions and tables that it makes. So parts that most calls have no need
 * of are made when they are first asked for, and all is closed in a block, since Lua searches what is open for every
 * function that it makes.
 */
const COMMON = `
${GATE_STATE}
local KINDS, NONE = { 'requests', 'tokens' }, {}
${PAUSED}
${CIRCUIT_COUNTS}
${TOKEN_CORRECTIONS}

local trouble = lazy(function()
  ${ANNOUNCEMENTS}${STOPS}${PAUSES}${TOLD_LIMITS}${ADAPTATION}${TROUBLE}
  return { stopped_until = stopped_until, pass = pass, report = report }
end)

local function stopped_until(gate, reason)
  return gate.state.stopped_since and trouble().stopped_until(gate, reason)
end
${LEAVING}
`;

/** `leave_gates` and `write_gates`. */
export const GATES_TO_LEAVE = `
local leave_gates, write_gates
do
${COMMON}
end
`;

/** These and `turn_away`, `pass_gates` and `key_of_passage`. */
export const GATES_TO_PASS = `
local turn_away, pass_gates, key_of_passage, leave_gates, write_gates
do
${COMMON}
${CALL_LIMIT}

local rates = lazy(function()
  ${BUCKETS}
  return { buckets_of = buckets_of, lets_pass = lets_pass, take = take, next_turn = next_turn, book = book }
end)

local has_room, charge_of

local lines = lazy(function()
  ${LINES}
  return { reply_to = reply_to, stand_in_lines = stand_in_lines, reply = reply }
end)
${COMING_IN}
end
`;
