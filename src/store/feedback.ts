import type { Redis } from 'ioredis';
import type { Feedback } from '../domain/feedback.ts';
import { type Keys, descriptionTtlMs } from './keys.ts';
import { createScriptBatcher } from './script-batcher.ts';

/** What became of a score. `unchanged`: the source had given the very same before. */
export type FeedbackEffect = 'counted' | 'corrected' | 'unchanged';

/**
 * The hash of a job (`keys.feedbackOf`) has for each source the score that stands, as `score:<source>`; where the
 * evidence has it is added by those who count it (see `evidence/scripts.ts`). It outlives the job's result, without which
 * there are no more scores.
 * ARGV: the stream, life of the hashes (ms); then hash, source, score, record each. Reply: the effect of each.
 */
const GIVE = `#!lua
local stream, life = ARGV[1], ARGV[2]
local replies = {}
for i = 3, #ARGV, 4 do
  local key, source, score, record = unpack(ARGV, i, i + 3)
  local previous = redis.call('HGET', key, 'score:' .. source)
  if previous == score then
    replies[#replies + 1] = 'unchanged'
  else
    if previous then
      redis.call('XADD', stream, '*', 'record', record, 'previous', previous)
    else
      redis.call('XADD', stream, '*', 'record', record)
    end
    redis.call('HSET', key, 'score:' .. source, score)
    replies[#replies + 1] = previous and 'corrected' or 'counted'
  end
  redis.call('PEXPIRE', key, life)
end
return replies
`;

export type FeedbackStore = ReturnType<typeof createFeedbackStore>;

/** Writes scores to the feedback stream: one for each job and source, another one as a correction of it. */
export function createFeedbackStore(redis: Redis, keys: Keys, { resultTtlMs }: { resultTtlMs: number }) {
  const runGive = createScriptBatcher<FeedbackEffect>({
    redis,
    script: GIVE,
    routingKey: keys.feedback,
    shared: [keys.feedback, String(descriptionTtlMs(resultTtlMs))],
  });

  async function give(feedback: Omit<Feedback, 'previous' | 'at'>): Promise<FeedbackEffect> {
    const { job_id: jobId, source, score } = feedback;
    return runGive([keys.feedbackOf(jobId), source, String(score), JSON.stringify(feedback)]);
  }

  return { give };
}
