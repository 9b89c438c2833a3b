import { DIMENSION_NAMES } from '../../domain/usage-sums.ts';
import { FIRST_ID } from '../stream-id.ts';

/**
 * Counts one page of records and moves the position past it, in one step, or does nothing when the position is not the
 * one that the page was read after: so a page that is sent twice, or by two processes, is counted once.
 * It may run when Redis is out of memory: nothing can be trimmed before it is counted.
 * KEYS: the root. ARGV: position before, position after, most values a day; then for each sum: day, dimension, value
 * (see `place.ts`), how many measures, and each measure with its amount.
 * Reply: nil when it counted, else the position.
 */
export const COUNT_PAGE = `#!lua flags=allow-oom
local root = KEYS[1]
local before, after, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local position = redis.call('HGET', root, 'position') or '${FIRST_ID}'
if position ~= before then return position end

local function place_of(key, value)
  if string.sub(value, 1, 1) ~= '=' or redis.call('HEXISTS', key, 'cost_nanos' .. value) == 1 then return value end
  if tonumber(redis.call('HGET', key, 'values') or 0) >= most then return '~' end
  redis.call('HINCRBY', key, 'values', 1)
  return value
end

local days = {}
local i = 4
while i <= #ARGV do
  local day, count = ARGV[i], tonumber(ARGV[i + 3])
  local key = root .. ':' .. day .. ':' .. ARGV[i + 1]
  local value = place_of(key, ARGV[i + 2])
  if not days[day] then
    redis.call('SADD', root .. ':days', day)
    days[day] = true
  end
  -- The amounts stay texts: as numbers of Lua they would be floats.
  for j = i + 4, i + 2 + 2 * count, 2 do redis.call('HINCRBY', key, ARGV[j] .. value, ARGV[j + 1]) end
  i = i + 4 + 2 * count
end
redis.call('HSET', root, 'position', after)
return nil
`;

/**
 * Puts rollups that were built beside in the place of those that are read, with their position. Does nothing when they
 * were not built as far as was said, or when the stream has lost records meanwhile that they have not counted.
 * KEYS: the root, the root beside, the hash of the archive. ARGV: the position beside.
 * Reply: nil when it is done, else `moved` or `trimmed`.
 */
export const SWAP = `#!lua
local root, beside, archive = KEYS[1], KEYS[2], KEYS[3]
if (redis.call('HGET', beside, 'position') or '${FIRST_ID}') ~= ARGV[1] then return 'moved' end

local function parts(id)
  local ms, number = string.match(id, '^(%d+)%-(%d+)$')
  return tonumber(ms), tonumber(number)
end
local ms, number = parts(ARGV[1])
local trimmed_ms, trimmed_number = parts(redis.call('HGET', archive, 'trimmed') or '${FIRST_ID}')
if trimmed_ms > ms or (trimmed_ms == ms and trimmed_number > number) then return 'trimmed' end

local dimensions = { ${DIMENSION_NAMES.map((name) => `'${name}'`).join(', ')} }
for _, day in ipairs(redis.call('SMEMBERS', root .. ':days')) do
  for _, dimension in ipairs(dimensions) do redis.call('UNLINK', root .. ':' .. day .. ':' .. dimension) end
end
redis.call('DEL', root, root .. ':days')
for _, day in ipairs(redis.call('SMEMBERS', beside .. ':days')) do
  redis.call('SADD', root .. ':days', day)
  for _, dimension in ipairs(dimensions) do
    local name = ':' .. day .. ':' .. dimension
    redis.call('RENAME', beside .. name, root .. name)
  end
end
redis.call('HSET', root, 'position', ARGV[1])
redis.call('DEL', beside, beside .. ':days')
return nil
`;
