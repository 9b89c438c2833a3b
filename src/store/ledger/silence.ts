import { GATES_TO_LEAVE } from '../gates/scripts.ts';
import { FIRST_JOB, WRITE_ALL, sharedBy } from './shared.ts';

/** The scripts for attempts of which nothing is heard: what was sent is known, and nothing stays reserved for ever. */

/**
 * What is known of jobs that were started before: writes off an attempt that an earlier start left open, and returns for
 * each job its stored result (or false) and the summaries of its attempts so far.
 * ARGV: what all share; then a job id and the id of the attempt that is about to begin each.
 */
export const HISTORY = `#!lua flags=allow-oom
${sharedBy(GATES_TO_LEAVE)}
local replies = {}
for i = ${FIRST_JOB}, #ARGV, 2 do
  local job, attempt = ARGV[i], ARGV[i + 1]
  local entry = open_attempt(job)
  if entry and is_before(entry.attempt, attempt) then write_off(job, entry) end
  replies[#replies + 1] = {
    redis.call('GET', prefix .. ':result:' .. job),
    redis.call('LRANGE', prefix .. ':trail:' .. job, 0, -1),
  }
end
${WRITE_ALL}
return replies
`;

/**
 * Notes that calls are about to go out. Refuses those whose attempt is no longer open: another start has the job, or it
 * was written off as never sent.
 * ARGV: the prefix; then a job id and an attempt id each. Reply for each: 1 when it may go out, else 0.
 */
export const MARK_SENT = `#!lua
local prefix = ARGV[1]
local replies = {}
for i = 2, #ARGV, 2 do
  local job, attempt = ARGV[i], ARGV[i + 1]
  local entry = redis.call('HGET', prefix .. ':ledger:open', job)
  local is_open = entry and string.sub(entry, 1, #attempt + 1) == attempt .. '\\n'
  if is_open then redis.call('HSET', prefix .. ':ledger:sent', job, attempt) end
  replies[#replies + 1] = is_open and 1 or 0
end
return replies
`;

/**
 * Writes off the open attempts on which nobody can be working any more. Looks at some of them; the next call goes on at
 * the cursor that this one returns, until that is '0'.
 * ARGV: what all share; then a cursor and how many to look at each. Reply for each: {next cursor, how many were open for
 * too long}.
 */
export const REAP = `#!lua flags=allow-oom
${sharedBy(GATES_TO_LEAVE)}

local function reap(cursor, limit)
  local page = redis.call('HSCAN', prefix .. ':ledger:open', cursor, 'COUNT', limit)
  local reaped = 0
  for i = 1, #page[2], 2 do
    local entry = open_attempt(page[2][i])
    if entry and entry.expires <= now() then
      write_off(page[2][i], entry)
      reaped = reaped + 1
    end
  end
  return { page[1], reaped }
end

local replies = {}
for i = ${FIRST_JOB}, #ARGV, 2 do replies[#replies + 1] = reap(ARGV[i], ARGV[i + 1]) end
${WRITE_ALL}
return replies
`;
