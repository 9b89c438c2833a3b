import type { Redis } from 'ioredis';
import { type Keys, descriptionTtlMs } from './keys.ts';
import { createScriptBatcher } from './script-batcher.ts';

/** ARGV: ttl in ms; then a key and a digest each. Reply: the digest that stands for the key. */
const CLAIM = `
local replies = {}
for i = 2, #ARGV, 2 do
  if redis.call('SET', ARGV[i], ARGV[i + 1], 'NX', 'PX', ARGV[1]) then
    replies[#replies + 1] = ARGV[i + 1]
  else
    local standing = redis.call('GET', ARGV[i])
    if standing == ARGV[i + 1] then redis.call('PEXPIRE', ARGV[i], ARGV[1]) end
    replies[#replies + 1] = standing
  end
end
return replies
`;

/**
 * Claims job ids for their content: true when the id is new or was claimed for the same content before, false when it
 * stands for other content. BullMQ alone would ignore the second job without a word. `ttlMs` is how long results are
 * kept: a claim outlives the result of its job (see `descriptionTtlMs`; the ledger renews it when the job ends).
 */
export function createClaims(redis: Redis, keys: Keys, options: { ttlMs: number }) {
  const claim = createScriptBatcher<string>({
    redis,
    script: CLAIM,
    routingKey: keys.usage,
    shared: [String(descriptionTtlMs(options.ttlMs))],
  });
  return async (jobId: string, digest: string): Promise<boolean> =>
    (await claim([keys.claim(jobId), digest])) === digest;
}
