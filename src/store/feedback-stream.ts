import type { Redis } from 'ioredis';
import { Feedback } from '../domain/feedback.ts';
import type { Keys } from './keys.ts';
import { FIRST_ID, STREAM_IDS, timeOfId } from './stream-id.ts';
import { type StreamEntry, recordOf } from './usage-stream.ts';

export type FeedbackEntry = { id: string; feedback: Feedback };

const PAGE = 1_000;
/** So many of the newest stay when all readers have counted them. */
const KEPT = 100_000;

/**
 * Removes the oldest entries beyond those that are kept, at most a page of them and none that a reader has not counted:
 * found out and done in one step.
 * KEYS: the stream, the hash of its readers. ARGV: how many are kept, most to be removed. Reply: how many were.
 */
const TRIM = `#!lua flags=allow-oom
${STREAM_IDS}
local excess = math.min(redis.call('XLEN', KEYS[1]) - tonumber(ARGV[1]), tonumber(ARGV[2]))
local positions = redis.call('HVALS', KEYS[2])
if excess <= 0 or #positions == 0 then return 0 end

local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', excess)
local last = oldest[#oldest][1]
for _, position in ipairs(positions) do
  if is_before(position, last) then last = position end
end
return redis.call('XTRIM', KEYS[1], 'MINID', '=', after(last))
`;

export type FeedbackStream = ReturnType<typeof createFeedbackStream>;

/**
 * Reads the feedback stream. An entry has the fields `record` (Feedback as JSON, without `previous` and `at`) and, when
 * it corrects an earlier score, `previous`. Whoever counts it keeps the position in `keys.feedbackReaders`.
 */
export function createFeedbackStream(redis: Redis, keys: Keys) {
  /** The entries that follow `afterId`, at most `count`, also those that are not understood. */
  async function page({ afterId, count = PAGE }: { afterId: string; count?: number }): Promise<StreamEntry[]> {
    return redis.xrange(keys.feedback, `(${afterId}`, '+', 'COUNT', count);
  }

  /** All that are there, oldest first, a page at a time. */
  async function* read(): AsyncGenerator<FeedbackEntry[]> {
    for (let afterId = FIRST_ID; ;) {
      const entries = await page({ afterId });
      const lastId = entries.at(-1)?.[0];
      if (lastId === undefined) return;
      yield entries.flatMap(understandFeedback);
      afterId = lastId;
    }
  }

  /** Removes what all readers have counted but the newest `kept`; returns how many. */
  async function trim({ kept = KEPT, signal }: { kept?: number; signal?: AbortSignal } = {}): Promise<number> {
    let removed = 0;
    for (;;) {
      signal?.throwIfAborted();
      const count = (await redis.eval(TRIM, 2, keys.feedback, keys.feedbackReaders, kept, PAGE)) as number;
      if (count === 0) return removed;
      removed += count;
    }
  }

  return { page, read, trim };
}

/** Entries that are no feedback of a shape that we know are left out, not guessed at. */
export function understandFeedback([id, fields]: StreamEntry): FeedbackEntry[] {
  const record = recordOf(fields);
  if (typeof record !== 'object' || record === null) return [];
  const at = fields.indexOf('previous');
  const previous = at < 0 ? {} : { previous: Number(fields[at + 1]) };
  const parsed = Feedback.safeParse({ ...record, ...previous, at: timeOfId(id) });
  return parsed.success ? [{ id, feedback: parsed.data }] : [];
}
