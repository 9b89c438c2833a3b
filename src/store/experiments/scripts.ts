import { FIRST_ID } from '../stream-id.ts';

/** How long a standing is kept after somebody last counted. */
const KEPT_MS = 90 * 86_400_000;

/**
 * The place up to which the outcomes of an experiment are counted. The first time it is where the streams begin: nothing
 * older can bear its name. When the experiment was counted under another configuration meanwhile, it is where they end
 * now: what was recorded in between belongs to that one.
 * KEYS: the hash of all experiments, the hash of this standing, its units, the usage stream, the feedback stream.
 * ARGV: name, fingerprint of its configuration, `take` to go on from another configuration.
 * Reply: the standing or false, and the positions in both streams; nil when it is counted under another configuration.
 */
export const OPEN = `#!lua
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and known ~= ARGV[2] and ARGV[3] ~= 'take' then return nil end

local function newest(stream)
  local entry = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return entry and entry[1] or '${FIRST_ID}'
end
if known ~= ARGV[2] or redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HSET', KEYS[2], 'usage', known and newest(KEYS[4]) or '${FIRST_ID}')
  redis.call('HSET', KEYS[2], 'feedback', known and newest(KEYS[5]) or '${FIRST_ID}')
  local time = redis.call('TIME')
  redis.call('HSETNX', KEYS[2], 'since', time[1] .. string.format('%03d', math.floor(time[2] / 1000)))
end
redis.call('PEXPIRE', KEYS[2], ${KEPT_MS})
redis.call('PEXPIRE', KEYS[3], ${KEPT_MS})
return redis.call('HMGET', KEYS[2], 'standing', 'usage', 'feedback', 'since')
`;

/**
 * Puts the next standing in the place of the one that it was counted from, with its units and positions, in one step; or
 * does nothing when the positions are others: so a page that is counted twice, or by two processes, counts once.
 * KEYS: the hash of all experiments, the hash of the standing, its units. ARGV: name, fingerprint, positions before
 * (usage, feedback), positions after, the standing, and each unit with its state.
 * Reply: 1 when it did.
 */
export const ADVANCE = `#!lua
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
local at = redis.call('HMGET', KEYS[2], 'usage', 'feedback')
if at[1] ~= ARGV[3] or at[2] ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[2], 'usage', ARGV[5], 'feedback', ARGV[6], 'standing', ARGV[7])
for i = 8, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
return 1
`;
