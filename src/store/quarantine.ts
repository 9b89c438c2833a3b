import type { Redis } from 'ioredis';
import { type QueuedJob, isQueuedJob } from '../domain/job.ts';
import type { Keys } from './keys.ts';

/** A job that workers could not get rid of: its lane, why, and the raw fields of its queue entry, long ones cut. */
export type Quarantined = { lane: string; reason: string; at: number; fields: Record<string, string> };

/** A job in a worker's hands, as far as the queue knows, that was in the hands of others before which let it fall. */
export type Suspect = { jobId: string; stalls: number; job: QueuedJob | undefined; isReadable: boolean };

const MOST_BYTES_A_FIELD = 262_144;
const PAGE = 500;

/**
 * Takes an entry out of a queue whatever its state and its lock, and keeps what it held. Not through BullMQ, which does
 * not remove what is locked: such a job is locked anew each time it is started in vain.
 * Only of a job that has ended: one that was brought back meanwhile is another entry under the same id.
 * KEYS: where it is kept, the job's result. ARGV: what the lane's keys begin with, job id, lane, reason, time, life (ms), most bytes a field.
 */
const QUARANTINE = `#!lua
local queue, job, lane, reason, at, ttl, most = unpack(ARGV)
local entry = queue .. job
if redis.call('EXISTS', KEYS[2]) == 0 then return end
if redis.call('TYPE', entry).ok == 'hash' then
  local fields = redis.call('HGETALL', entry)
  for i = 1, #fields, 2 do
    redis.call('HSET', KEYS[1], 'job:' .. fields[i], string.sub(fields[i + 1], 1, tonumber(most)))
  end
end
redis.call('HSET', KEYS[1], 'lane', lane, 'reason', reason, 'at', at)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('LREM', queue .. 'active', 1, job)
-- From the end at which workers take jobs, where BullMQ puts one that stalled.
redis.call('LREM', queue .. 'wait', -1, job)
for _, state in ipairs({ 'delayed', 'prioritized', 'failed', 'completed' }) do redis.call('ZREM', queue .. state, job) end
redis.call('SREM', queue .. 'stalled', job)
redis.call('DEL', entry, entry .. ':lock', entry .. ':logs')
`;

/** What BullMQ parses when it hands out a job. One that is damaged is handed out, and falls, for ever. */
const PARSED_FIELDS = ['data', 'opts', 'progress', 'parent'] as const;

export type Quarantine = ReturnType<typeof createQuarantine>;

/** `ttlMs` is how long results are kept: what is in quarantine is kept as long. */
export function createQuarantine(redis: Redis, keys: Keys, { ttlMs }: { ttlMs: number }) {
  /** Looks at the jobs that a lane's workers have, and closely only at those that stalled. */
  async function* suspects(lane: string): AsyncGenerator<Suspect> {
    const queue = keys.lane(lane);
    for (let first = 0; ; first += PAGE) {
      const jobIds = await redis.lrange(`${queue}active`, first, first + PAGE - 1);
      const counts = redis.pipeline();
      for (const jobId of jobIds) counts.hget(queue + jobId, 'stc');
      const replies = (await counts.exec()) ?? [];
      for (const [index, [error, stalls]] of replies.entries()) {
        const jobId = jobIds[index] ?? '';
        if (error === null && Number(stalls ?? 0) > 0) yield inspect(queue, jobId, Number(stalls));
      }
      if (jobIds.length < PAGE) return;
    }
  }

  async function inspect(queue: string, jobId: string, stalls: number): Promise<Suspect> {
    const texts = await redis.hmget(queue + jobId, ...PARSED_FIELDS);
    return { jobId, stalls, job: readQueuedJob(texts[0]), isReadable: texts.every(isJson) };
  }

  async function put(jobId: string, lane: string, reason: string): Promise<void> {
    const queue = keys.lane(lane);
    const found = [jobId, lane, reason, Date.now(), ttlMs, MOST_BYTES_A_FIELD];
    await redis.eval(QUARANTINE, 2, keys.quarantine(jobId), keys.result(jobId), queue, ...found);
  }

  async function get(jobId: string): Promise<Quarantined | undefined> {
    const { lane, reason, at, ...rest } = await redis.hgetall(keys.quarantine(jobId));
    if (lane === undefined) return undefined;
    const fields = Object.entries(rest).map(([name, value]) => [name.replace('job:', ''), value] as const);
    return { lane, reason: reason ?? '', at: Number(at), fields: Object.fromEntries(fields) };
  }

  return { suspects, put, get };
}

/** As BullMQ has it: what is missing or empty stands for a default. */
function isJson(text: string | null): boolean {
  try {
    JSON.parse(text || 'null');
    return true;
  } catch {
    return false;
  }
}

/** The data of a queue entry, if it is a job. */
export function readQueuedJob(data: string | null | undefined): QueuedJob | undefined {
  try {
    const job: unknown = JSON.parse(data ?? '');
    return isQueuedJob(job) ? job : undefined;
  } catch {
    return undefined;
  }
}
