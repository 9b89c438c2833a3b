import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** What somebody's server is to be told. Times are epoch milliseconds. */
export type Webhook = {
  /** `evt_...` */
  id: string;
  /** The batch that it tells of, as the API names it. */
  batch: string;
  url: string;
  /** JSON, the same each time. */
  body: string;
  createdAt: number;
  /** How often it was sent in vain. */
  failures: number;
};

/**
 * Takes what is due, and puts it off meanwhile, so that another gateway does not send it at the same time, and sends it
 * when this one dies. KEYS: the webhooks, their data. ARGV: now, until when they are put off, how many at the most.
 */
const TAKE_DUE = `
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
local taken = {}
for _, id in ipairs(due) do
  redis.call('ZADD', KEYS[1], ARGV[2], id)
  taken[#taken + 1] = redis.call('HGET', KEYS[2], id) or ''
end
return taken
`;

/** Webhooks that have not been taken note of yet. They come in with the end of what they tell of: see `batch-orders.ts`. */
export function createWebhooks(redis: Redis, keys: Keys) {
  async function takeDue(now: number, putOffMs: number, most: number): Promise<Webhook[]> {
    const taken = await redis.eval(TAKE_DUE, 2, keys.webhooks, keys.webhookData, now, now + putOffMs, most);
    return (taken as string[]).filter(Boolean).map((text) => JSON.parse(text) as Webhook);
  }

  async function tryAgain(webhook: Webhook, at: number): Promise<void> {
    await redis
      .multi()
      .hset(keys.webhookData, webhook.id, JSON.stringify(webhook))
      .zadd(keys.webhooks, 'XX', at, webhook.id)
      .exec();
  }

  async function forget(id: string): Promise<void> {
    await redis.multi().zrem(keys.webhooks, id).hdel(keys.webhookData, id).exec();
  }

  return { takeDue, tryAgain, forget };
}
