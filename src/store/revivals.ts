import type { Redis } from 'ioredis';
import type { QueuedJob } from '../domain/job.ts';
import type { DeadLetter } from './dead-letters.ts';
import { type Keys, descriptionTtlMs } from './keys.ts';
import { createScriptBatcher } from './script-batcher.ts';

/** What is to be added to a queue: a job that was taken out of the dead letters and is not in its lane yet. */
export type Revival = { lane: string; name: string; data: QueuedJob; opts: Record<string, unknown> };

export type NotedRevival = { jobId: string; revival: Revival; text: string };

/**
 * - `revived`: its result is gone, and it is waiting to be added to its lane.
 * - `changed`: it is no dead letter, or no longer the one that was read: somebody else was faster.
 * - `busy`: a worker has not let go of it yet.
 * - `cancelled`: its batch was cancelled, so that it would not be run.
 */
export type RevivalReply = 'revived' | 'changed' | 'busy' | 'cancelled';

const REVIVE_FIELDS = ['job', 'lane', 'batch', 'result', 'attempts', 'revival'] as const;

/**
 * Takes results away and old queue entries out, and notes what is to be added in their place, in one step.
 * BullMQ is not asked for the removal: it would be a step of its own, and might hit the new entry.
 * ARGV: what all keys begin with, the life of results and of descriptions (ms); then REVIVE_FIELDS each, `attempts`
 * being summaries on lines of their own.
 */
const REVIVE = `#!lua
local prefix, ttl, description_ttl = unpack(ARGV, 1, 3)

local function go_on(job, batch, attempts)
  if attempts ~= '' then
    local trail = prefix .. ':trail:' .. job
    for attempt in string.gmatch(attempts, '[^\\n]+') do redis.call('RPUSH', trail, attempt) end
    redis.call('PEXPIRE', trail, ttl)
  end
  redis.call('PEXPIRE', prefix .. ':claim:' .. job, description_ttl)
  local counters = prefix .. ':batch:' .. batch
  if batch == '' or redis.call('HEXISTS', counters, 'manifest') == 0 then return end
  redis.call('HINCRBY', counters, 'failed', -1)
  if attempts ~= '' then redis.call('HINCRBY', counters, 'retrying', 1) end
  redis.call('PEXPIRE', counters, description_ttl)
end

local function revive(${REVIVE_FIELDS.join(', ')})
  if not redis.call('ZSCORE', prefix .. ':dead', job) then return 'changed' end
  if redis.call('GET', prefix .. ':result:' .. job) ~= result then return 'changed' end
  if batch ~= '' and redis.call('HEXISTS', prefix .. ':batch:' .. batch, 'cancelled') == 1 then return 'cancelled' end
  local queue = prefix .. ':queue:' .. lane .. ':'
  local entry = queue .. job
  if redis.call('EXISTS', entry .. ':lock') == 1 then return 'busy' end
  if redis.call('ZREM', queue .. 'failed', job) == 0 and redis.call('EXISTS', entry) == 1 then return 'busy' end
  redis.call('HSET', prefix .. ':reviving', job, revival)
  redis.call('DEL', prefix .. ':result:' .. job, prefix .. ':quarantine:' .. job, entry, entry .. ':logs')
  redis.call('ZREM', prefix .. ':dead', job)
  go_on(job, batch, attempts)
  return 'revived'
end

local replies = {}
for i = 4, #ARGV, ${REVIVE_FIELDS.length} do
  replies[#replies + 1] = revive(unpack(ARGV, i, i + ${REVIVE_FIELDS.length - 1}))
end
return replies
`;

/** Not a later revival of the same job. KEYS: the hash; ARGV: a job id and what was added, each. */
const FORGET = `
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
`;

const PAGE = 200;

export type Revivals = ReturnType<typeof createRevivals>;

/** Brings dead letters back. `ttlMs` is how long results are kept. */
export function createRevivals(redis: Redis, keys: Keys, { ttlMs }: { ttlMs: number }) {
  const runRevive = createScriptBatcher<RevivalReply>({
    redis,
    script: REVIVE,
    routingKey: keys.dead,
    shared: [keys.prefix, String(ttlMs), String(descriptionTtlMs(ttlMs))],
  });

  /**
   * Makes a dead letter a job again that has not ended: of two who ask, one is told `revived`. Its batch counts it as
   * running; its attempts and their cost stay, and its next result will tell of them, too. What is noted in `revival` is
   * then to be added to its lane, and `forget` to be called.
   */
  async function revive({ jobId, result, text }: DeadLetter, revival: Revival): Promise<RevivalReply> {
    const attempts = result.attempts.map((attempt) => JSON.stringify({ ...attempt, earlier: true }));
    const fields: Record<(typeof REVIVE_FIELDS)[number], string> = {
      job: jobId,
      lane: revival.lane,
      batch: revival.data.batch?.id ?? '',
      result: text,
      attempts: attempts.join('\n'),
      revival: JSON.stringify(revival),
    };
    return runRevive(REVIVE_FIELDS.map((name) => fields[name]));
  }

  /** Revived jobs that have not been added to their lanes, or of which that has not been noted. */
  async function* noted(): AsyncGenerator<NotedRevival[]> {
    let cursor = '0';
    do {
      const [next, found] = await redis.hscan(keys.reviving, cursor, 'COUNT', PAGE);
      const page = found.flatMap((text, index) =>
        index % 2 === 0 ? [] : [{ jobId: found[index - 1] ?? '', revival: JSON.parse(text) as Revival, text }],
      );
      if (page.length > 0) yield page;
      cursor = next;
    } while (cursor !== '0');
  }

  /** To be called when the queue has acknowledged them. Until then they are in no queue, and only noted here. */
  async function forget(noted: readonly NotedRevival[]): Promise<void> {
    await redis.eval(FORGET, 1, keys.reviving, ...noted.flatMap(({ jobId, text }) => [jobId, text]));
  }

  return { revive, noted, forget };
}
