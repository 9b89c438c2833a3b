import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';
import { readRedisTime } from './redis-clock.ts';

/** A batch that has not ended, and a mark that changes with everything that moves in it. */
export type OpenBatch = { id: string; enqueued: number; mark: string };

/** `data`: of an entry that ended in its lane, and nobody wrote down how; undefined where there is no entry. */
export type LostRow = { jobId: string; data: string | undefined };

/** What was found out about an open batch, for the next look at it; times in ms. */
export type BatchNote = {
  /** As it was: while it stays so, nothing moves in the batch. */
  mark: string;
  /** Not before then. */
  lookAt: number;
  /** How long to wait after a look that found nothing. */
  pause: number;
  /** The row at which the next look begins. */
  row: number;
  /** The last look found a row that is lost. */
  isSuspect: boolean;
};

/** So many of the newest batches are looked at. */
const MOST_BATCHES = 1_000;
/** Longer than the longest pause between two looks. */
const NOTES_TTL_MS = 86_400_000;

/**
 * Of some rows of a batch those that nothing will ever end: enqueued, without a result, an attempt under way or a revival
 * to come, and in no lane; or in one as ended. A row whose entry is there is not looked for in the lane's lists: that
 * would take time in proportion to their length, and BullMQ loses none of its own.
 * ARGV: what all keys begin with, batch id, first row, last row; then the lanes.
 */
const LOST_ROWS = `#!lua flags=no-writes
local prefix, batch, first, last = unpack(ARGV, 1, 4)

local function goes_on(job)
  return redis.call('EXISTS', prefix .. ':result:' .. job) == 1
    or redis.call('HEXISTS', prefix .. ':ledger:open', job) == 1
    or redis.call('HEXISTS', prefix .. ':reviving', job) == 1
end

local function queue_of(job)
  for i = 5, #ARGV do
    local queue = prefix .. ':queue:' .. ARGV[i] .. ':'
    if redis.call('EXISTS', queue .. job) == 1 then return queue end
  end
end

local lost = {}
for row = tonumber(first), tonumber(last) do
  local job = batch .. '-' .. string.format('%.0f', row)
  if not goes_on(job) then
    local queue = queue_of(job)
    if not queue then
      lost[#lost + 1] = { job }
    elseif redis.call('ZSCORE', queue .. 'failed', job) or redis.call('ZSCORE', queue .. 'completed', job) then
      lost[#lost + 1] = { job, redis.call('HGET', queue .. job, 'data') or '' }
    end
  end
end
return lost
`;

export type LostRows = ReturnType<typeof createLostRows>;

/** `ttlMs` is how long results are kept: a row of an older batch may have ended and its result be forgotten. */
export function createLostRows(redis: Redis, keys: Keys, { ttlMs }: { ttlMs: number }) {
  async function openBatches(): Promise<OpenBatch[]> {
    const oldest = (await readRedisTime(redis)) - ttlMs;
    const ids = await redis.zrevrangebyscore(keys.batches, '+inf', oldest, 'LIMIT', 0, MOST_BATCHES);
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.batch(id));
    const replies = (await pipeline.exec()) ?? [];
    return replies.flatMap(([error, reply], index) => {
      const batch = error ? undefined : toOpenBatch(ids[index] ?? '', reply as Record<string, string>);
      return batch ? [batch] : [];
    });
  }

  /** Those among the rows from `first` up to and without `end`. */
  async function lostAmong(batchId: string, first: number, end: number, lanes: readonly string[]): Promise<LostRow[]> {
    const found = await redis.eval(LOST_ROWS, 1, keys.batches, keys.prefix, batchId, first, end - 1, ...lanes);
    return (found as [string, string?][]).map(([jobId, data]) => ({ jobId, data }));
  }

  /** One batch as it is now; undefined when it has ended. */
  async function openBatch(id: string): Promise<OpenBatch | undefined> {
    return toOpenBatch(id, await redis.hgetall(keys.batch(id)));
  }

  async function notes(): Promise<Record<string, BatchNote>> {
    const text = await redis.get(keys.lostRows);
    return text === null ? {} : (JSON.parse(text) as Record<string, BatchNote>);
  }

  async function keepNotes(notes: Record<string, BatchNote>): Promise<void> {
    if (Object.keys(notes).length === 0) await redis.del(keys.lostRows);
    else await redis.set(keys.lostRows, JSON.stringify(notes), 'PX', NOTES_TTL_MS);
  }

  return { openBatches, openBatch, lostAmong, notes, keepNotes };
}

function toOpenBatch(id: string, fields: Record<string, string>): OpenBatch | undefined {
  const { manifest, enqueued = '0', completed = '0', failed = '0', attempts = '0', retrying = '0' } = fields;
  if (manifest === undefined || Number(completed) + Number(failed) >= Number(enqueued)) return undefined;
  return { id, enqueued: Number(enqueued), mark: [enqueued, completed, failed, attempts, retrying].join(' ') };
}
