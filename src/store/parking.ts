import type { Redis } from 'ioredis';
import { type Keys, descriptionTtlMs } from './keys.ts';
import { createScriptBatcher } from './script-batcher.ts';

/** A job that waits for a purse, or for its batch, by the name under which it is released. */
export type ParkedJob = { lane: string; jobId: string; untilMs: number };

export type ParkingNote = ParkedJob & { purse: string; batchId?: string };

/** A note is of no use when the job has looked again by itself; whoever looks so late does not look by itself any more. */
const STALE_AFTER_MS = 3_600_000;

/**
 * Notes jobs that are about to be put off. What is known of a job must not be forgotten while it waits: its trail, its
 * claim, its batch and that one's cap get another life.
 * ARGV: the prefix, life of trails and of descriptions (ms), life of a note past its time (ms); then purse, member, when
 * it looks again by itself (ms), job id, batch id or '' each. Reply for each: 1 when it was not noted before.
 */
const NOTE = `#!lua
local prefix, ttl, description_ttl, stale_after = unpack(ARGV, 1, 4)
local now = tonumber(redis.call('TIME')[1]) * 1000
local replies = {}
for i = 5, #ARGV, 5 do
  local purse, member, until_ms, job, batch = unpack(ARGV, i, i + 4)
  local key = prefix .. ':parked:' .. purse
  replies[#replies + 1] = redis.call('ZADD', key, until_ms, member)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - stale_after)
  -- Nobody is put off for longer than an hour at a time.
  redis.call('PEXPIRE', key, 3 * stale_after)
  redis.call('ZADD', prefix .. ':parked', 'GT', until_ms, purse)
  redis.call('ZREMRANGEBYSCORE', prefix .. ':parked', '-inf', now - stale_after)
  redis.call('PEXPIRE', prefix .. ':trail:' .. job, ttl)
  redis.call('PEXPIRE', prefix .. ':claim:' .. job, description_ttl)
  if batch ~= '' then
    redis.call('PEXPIRE', prefix .. ':batch:' .. batch, description_ttl)
    redis.call('PEXPIRE', prefix .. ':budget:batch:' .. batch .. ':total', description_ttl)
  end
end
return replies
`;

/** A job that has been noted again since it was read stays noted. ARGV: a member and the time that was read each. */
const FORGET = `
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
`;

const PAGE = 500;

export type Parking = ReturnType<typeof createParking>;

/**
 * Remembers which jobs wait for which purse, so that they can be woken when it is topped up. The notes are no more than
 * that: a job that nobody wakes looks again by itself.
 */
export function createParking(redis: Redis, keys: Keys, options: { resultTtlMs: number }) {
  const { resultTtlMs } = options;
  const runNote = createScriptBatcher<0 | 1>({
    redis,
    script: NOTE,
    routingKey: keys.usage,
    shared: [keys.prefix, String(resultTtlMs), String(descriptionTtlMs(resultTtlMs)), String(STALE_AFTER_MS)],
  });

  /** True for a job that was not noted before: a release that came before the note has not seen it. */
  async function note({ purse, lane, jobId, untilMs, batchId }: ParkingNote): Promise<boolean> {
    return (await runNote([purse, `${lane} ${jobId}`, String(untilMs), jobId, batchId ?? ''])) === 1;
  }

  /** How many jobs wait for a purse at this time. */
  async function count(purse: string, now: number): Promise<number> {
    return redis.zcount(keys.parked(purse), String(now), '+inf');
  }

  /** The purses that jobs wait for at this time, or did in the last hour. */
  async function purses(): Promise<string[]> {
    return redis.zrange(keys.parkedPurses, '0', '-1');
  }

  /** Those who wait for a purse, a page at a time; whoever is noted meanwhile may be among them, or twice. */
  async function* read(purse: string): AsyncGenerator<ParkedJob[]> {
    let cursor = '0';
    do {
      const [next, texts] = await redis.zscan(keys.parked(purse), cursor, 'COUNT', PAGE);
      const jobs = Array.from({ length: texts.length / 2 }, (_, index) =>
        toParkedJob(texts[2 * index] ?? '', texts[2 * index + 1] ?? ''),
      );
      if (jobs.length > 0) yield jobs;
      cursor = next;
    } while (cursor !== '0');
  }

  /** Takes the notes of these jobs away, unless they have been noted again since they were read. */
  async function forget(purse: string, jobs: readonly ParkedJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const fields = jobs.flatMap(({ lane, jobId, untilMs }) => [`${lane} ${jobId}`, String(untilMs)]);
    await redis.eval(FORGET, 1, keys.parked(purse), ...fields);
  }

  return { note, count, purses, read, forget };
}

function toParkedJob(member: string, untilMs: string): ParkedJob {
  const space = member.indexOf(' ');
  return { lane: member.slice(0, space), jobId: member.slice(space + 1), untilMs: Number(untilMs) };
}
