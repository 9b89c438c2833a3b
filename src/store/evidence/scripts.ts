import { FIRST_ID } from '../stream-id.ts';

/**
 * Evidence in Redis:
 *
 * - `keys.evidence`: hash; `version`, `updated_at` (ms), `usage`: how far the usage stream is read, and `generation`, which
 *   grows when everything is replaced.
 * - `keys.evidenceVersions`: hash; model -> version with which it last changed.
 * - `keys.evidenceOf(model)`: hash of its cells; see `cells.ts`. `updates` counts the figures that the cell was ever given.
 *
 * KEYS of all scripts begin with the first two, and the third's prefix is the first key and `:of:`.
 */
const CELLS = `
local root, versions = KEYS[1], KEYS[2]
-- Those that this call touches: by model, then by field.
local touched = {}

local function cell_of(model, field, is_new)
  local cells = touched[model]
  if not cells then
    cells = {}
    touched[model] = cells
  end
  local cell = cells[field]
  if cell then return cell end
  cell = { n = 0, sum = 0, squares = 0, updates = 0 }
  local text = not is_new and redis.call('HGET', root .. ':of:' .. model, field)
  if text then
    local n, sum, squares, updates = string.match(text, '^(%S+) (%S+) (%S+) (%S+)$')
    cell.n, cell.sum, cell.squares, cell.updates = tonumber(n), tonumber(sum), tonumber(squares), tonumber(updates)
  end
  cells[field] = cell
  return cell
end

-- With all digits that the numbers have: what is read is what was written.
local function text_of(cell)
  return string.format('%.17g %.17g %.17g %.17g', cell.n, cell.sum, cell.squares, cell.updates)
end

local function write_cells(least_version)
  if next(touched) == nil and not least_version then return end
  local version = math.max(tonumber(redis.call('HGET', root, 'version') or 0) + 1, least_version or 0)
  local version_text = string.format('%.0f', version)
  local seconds, micros = unpack(redis.call('TIME'))
  local now = string.format('%.0f', seconds * 1000 + math.floor(micros / 1000))
  redis.call('HSET', root, 'version', version_text, 'updated_at', now)
  for model, cells in pairs(touched) do
    local key, values = root .. ':of:' .. model, {}
    for field, cell in pairs(cells) do
      values[#values + 1] = field
      values[#values + 1] = text_of(cell)
      -- So many values are all that one call takes.
      if #values >= 1000 then
        redis.call('HSET', key, unpack(values))
        values = {}
      end
    end
    if #values > 0 then redis.call('HSET', key, unpack(values)) end
    redis.call('HSET', versions, model, version_text)
  end
  return version
end
`;

/**
 * Adds the figures of one page of a stream and moves the position past it, in one step, or does nothing when the position
 * is not the one that the page was read after: so a page that is sent twice, or by two processes, counts once.
 * It may run when Redis is out of memory: nothing can be trimmed before it is counted.
 * KEYS: as above, then the hash with the position. ARGV: field of the position, position before, after, decay, figures as
 * JSON (see `Figure`). Where a figure that may be corrected went is noted beside its score, as `place:<source>` ->
 * `<generation> <updates> <model> <field>`: by it a correction takes out of the cell what is left of the figure in it.
 * Reply: nil when it counted, else the position.
 */
export const FOLD_PAGE = `#!lua flags=allow-oom
${CELLS}
local positions, reader, before, after, decay = KEYS[3], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local position = redis.call('HGET', positions, reader) or '${FIRST_ID}'
if position ~= before then return position end
local generation = redis.call('HGET', root, 'generation') or '0'

local function add(cell, figure)
  cell.n = cell.n * decay + 1
  cell.sum = cell.sum * decay + figure
  cell.squares = cell.squares * decay + figure * figure
  cell.updates = cell.updates + 1
end

-- Where the earlier figure stands; nil when it is not, or no longer, in the evidence.
local function find_place(note)
  local text = redis.call('HGET', note.key, 'place:' .. note.source)
  if not text then return nil end
  local of, updates, model, field = string.match(text, '^(%d+) (%d+) (%S+) (.*)$')
  if of ~= generation then return nil end
  return { cell = cell_of(model, field), updates = tonumber(updates) }
end

local function correct(place, previous, figure)
  local cell = place.cell
  local weight = decay ^ (cell.updates - place.updates)
  -- Rounded off below 0 they would be no sums of scores.
  cell.sum = math.max(0, cell.sum + weight * (figure - previous))
  cell.squares = math.max(0, cell.squares + weight * (figure * figure - previous * previous))
end

for _, item in ipairs(cjson.decode(ARGV[5])) do
  local note = item.note
  local place = item.previous and note and find_place(note)
  if place then
    correct(place, item.previous, item.figure)
  else
    local cell = cell_of(item.model, item.field)
    add(cell, item.figure)
    -- The hash ends with the life of the job's result; then nobody can correct the score.
    if note and redis.call('EXISTS', note.key) == 1 then
      local text = string.format('%s %.0f %s %s', generation, cell.updates, item.model, item.field)
      redis.call('HSET', note.key, 'place:' .. note.source, text)
    end
  end
end
write_cells()
redis.call('HSET', positions, reader, after)
return nil
`;

/**
 * Takes in evidence from elsewhere: beside what is there, or in its place. Once all is replaced, a score that corrects an
 * earlier one counts as a new one: what it would correct is not there any more.
 * KEYS: as above. ARGV: see `TakeInHow`, version of the evidence, cells as JSON.
 * Reply: `taken`, or why not: `known` | `newer`; and the version of what is there now.
 */
export const TAKE_IN = `#!lua
${CELLS}
local how, version = ARGV[1], tonumber(ARGV[2])
local known = tonumber(redis.call('HGET', root, 'version') or 0)
if how == 'first' and known > 0 then return { 'known', known } end
if how == 'replace' and known > version then return { 'newer', known } end
if how ~= 'merge' then
  for _, model in ipairs(redis.call('HKEYS', versions)) do
    redis.call('UNLINK', root .. ':of:' .. model)
    -- Readers have to see that it is gone.
    redis.call('HSET', versions, model, string.format('%.0f', math.max(known, version) + 1))
  end
  redis.call('HINCRBY', root, 'generation', 1)
end
for _, item in ipairs(cjson.decode(ARGV[3])) do
  local cell = cell_of(item.model, item.field, how ~= 'merge')
  cell.n = cell.n + item.n
  cell.sum = cell.sum + item.sum
  cell.squares = cell.squares + item.squares
end
return { 'taken', write_cells(how == 'merge' and known + 1 or math.max(known, version) + 1) }
`;
