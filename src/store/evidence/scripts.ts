import { FIRST_ID } from '../stream-id.ts';

/** What a scored job counts for after the next one, in the mix of tasks: it is that of about the last 10,000. */
const JOB_DECAY = 0.9999;
/** A task of so few jobs is forgotten. */
const LEAST_JOBS = 1e-6;

/**
 * Evidence in Redis:
 *
 * - `keys.evidence`: hash; `version`, `updated_at` (ms), `usage`: how far the usage stream is read, `generation`, which
 *   grows when everything is replaced, and `task <task>`: its scored jobs.
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

/** The mix of tasks. To be read before cells are written. */
const TASKS = `
local function read_tasks()
  local tasks, stored = {}, redis.call('HGETALL', root)
  for i = 1, #stored, 2 do
    local task = string.match(stored[i], '^task (.*)$')
    if task then tasks[task] = tonumber(stored[i + 1]) end
  end
  if next(tasks) then return tasks end
  -- Of evidence whose jobs nobody has counted, the scores stand for them: else the next job would be all of the mix.
  for _, model in ipairs(redis.call('HKEYS', versions)) do
    local cells = redis.call('HGETALL', root .. ':of:' .. model)
    for i = 1, #cells, 2 do
      local task = string.match(cells[i], '^score (.*)$')
      if task then tasks[task] = (tasks[task] or 0) + tonumber(string.match(cells[i + 1], '^%S+')) end
    end
  end
  return tasks
end

local function write_tasks(tasks)
  for task, jobs in pairs(tasks) do
    if jobs < ${LEAST_JOBS} then
      redis.call('HDEL', root, 'task ' .. task)
    else
      redis.call('HSET', root, 'task ' .. task, string.format('%.17g', jobs))
    end
  end
end
`;

/**
 * Adds the figures of one page of a stream and moves the position past it, in one step, or does nothing when the position
 * is not the one that the page was read after: so a page that is sent twice, or by two processes, counts once.
 * It may run when Redis is out of memory: nothing can be trimmed before it is counted.
 * KEYS: as above, then the hash with the position. ARGV: field of the position, position before, after, decay, figures as
 * JSON (see `Figure`). Where a figure that may be corrected went is noted beside its score, as `place:<source>` ->
 * `<generation> <updates> <model> <field>`: by it a correction takes out of the cell what is left of the figure in it.
 * That a job is in the mix of tasks is noted there too, as `job` -> `<generation>`.
 * Reply: nil when it counted, else the position.
 */
export const FOLD_PAGE = `#!lua flags=allow-oom
${CELLS}
${TASKS}
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
local function find_place(job, source)
  local text = redis.call('HGET', job.notes, 'place:' .. source)
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

-- Notes that the job is counted; false when it was.
local function is_new(job)
  if redis.call('HGET', job.notes, 'job') == generation then return false end
  if redis.call('EXISTS', job.notes) == 1 then
    redis.call('HSET', job.notes, 'job', generation)
    return true
  end
  -- Nobody has scored it but its own expectation. Others may, while there is a result.
  local life = redis.call('PTTL', job.result)
  if life > 0 then
    redis.call('HSET', job.notes, 'job', generation)
    redis.call('PEXPIRE', job.notes, life)
  end
  return true
end

local function count_jobs(jobs)
  if #jobs == 0 then return end
  local tasks = read_tasks()
  for task, count in pairs(tasks) do tasks[task] = count * ${JOB_DECAY} ^ #jobs end
  for i, job in ipairs(jobs) do tasks[job.task] = (tasks[job.task] or 0) + ${JOB_DECAY} ^ (#jobs - i) end
  write_tasks(tasks)
end

local new_jobs = {}
for _, item in ipairs(cjson.decode(ARGV[5])) do
  local job, source = item.job, item.source
  local place = item.previous and source and find_place(job, source)
  if place then
    correct(place, item.previous, item.figure)
  else
    local cell = cell_of(item.model, item.field)
    add(cell, item.figure)
    -- The hash ends with the life of the job's result; then nobody can correct the score.
    if source and redis.call('EXISTS', job.notes) == 1 then
      local text = string.format('%s %.0f %s %s', generation, cell.updates, item.model, item.field)
      redis.call('HSET', job.notes, 'place:' .. source, text)
    end
    if job and is_new(job) then new_jobs[#new_jobs + 1] = job end
  end
end
count_jobs(new_jobs)
write_cells()
redis.call('HSET', positions, reader, after)
return nil
`;

/**
 * Takes in evidence from elsewhere: beside what is there, or in its place. Once all is replaced, a score that corrects an
 * earlier one counts as a new one: what it would correct is not there any more.
 * KEYS: as above. ARGV: see `TakeInHow`, version of the evidence, cells as JSON, scored jobs by task as JSON.
 * Reply: `taken`, or why not: `known` | `newer`; and the version of what is there now.
 */
export const TAKE_IN = `#!lua
${CELLS}
${TASKS}
local how, version = ARGV[1], tonumber(ARGV[2])
local known = tonumber(redis.call('HGET', root, 'version') or 0)
if how == 'first' and known > 0 then return { 'known', known } end
if how == 'replace' and known > version then return { 'newer', known } end
local more = cjson.decode(ARGV[4])
if how == 'merge' then
  if next(more) then
    local tasks = read_tasks()
    for task, jobs in pairs(more) do tasks[task] = (tasks[task] or 0) + jobs end
    write_tasks(tasks)
  end
else
  for _, field in ipairs(redis.call('HKEYS', root)) do
    if string.match(field, '^task ') then redis.call('HDEL', root, field) end
  end
  write_tasks(more)
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
