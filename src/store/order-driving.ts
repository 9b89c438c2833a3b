import type { Redis } from 'ioredis';
import type { BatchOrder, OrderProgress } from './batch-orders.ts';
import type { Keys } from './keys.ts';
import type { Webhook } from './webhooks.ts';

/** KEYS: the lease. ARGV: the driver, ms. Takes it, or keeps it. Reply: 1 when it is the driver's. */
const TAKE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`;

/** KEYS: the order, its lease. ARGV: the driver, the new progress. Reply: 0 when another one drives it. */
const ADVANCE = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
return 1
`;

/**
 * KEYS: the order, its lease, the open orders, the readers of the input file, the webhooks, their data, the orders that
 * have ended. ARGV: the driver, the new progress, the order's id, how long it is remembered (ms), its entry among those that
 * have ended, until when it is there, and of a webhook its id, what it is, and when it is to be sent. Reply: 0 when another
 * one drives it.
 */
const END = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('SREM', KEYS[4], ARGV[3])
redis.call('DEL', KEYS[2])
redis.call('ZADD', KEYS[7], ARGV[6], ARGV[5])
if ARGV[7] then
  redis.call('HSET', KEYS[6], ARGV[7], ARGV[8])
  redis.call('ZADD', KEYS[5], ARGV[9], ARGV[7])
end
return 1
`;

const SWEPT_AT_ONCE = 1_000;

export type OrderDriving = ReturnType<typeof createOrderDriving>;

/**
 * What a gateway does with the orders that have not ended: it takes a lease of each, and brings it on for as long as it
 * has that. `keepMs` is how long an order is remembered after its end.
 */
export function createOrderDriving(redis: Redis, keys: Keys, { keepMs }: { keepMs: number }) {
  /** The orders that have not ended, the oldest first. */
  async function open(): Promise<string[]> {
    return redis.zrange(keys.batchOrdersOpen, '0', '-1');
  }

  /** Which of these orders are now driven by this driver. */
  async function take(ids: readonly string[], driver: string, leaseMs: number): Promise<string[]> {
    if (ids.length === 0) return [];
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.eval(TAKE, 1, keys.batchOrderLease(id), driver, leaseMs);
    const replies = (await pipeline.exec()) ?? [];
    return ids.filter((_, index) => replies[index]?.[1] === 1);
  }

  async function release(id: string, driver: string): Promise<void> {
    await redis.eval(RELEASE, 1, keys.batchOrderLease(id), driver);
  }

  /** False when another one drives it by now: nothing is written then. */
  async function advance(id: string, driver: string, progress: OrderProgress): Promise<boolean> {
    const reply = await redis.eval(
      ADVANCE,
      2,
      keys.batchOrder(id),
      keys.batchOrderLease(id),
      driver,
      JSON.stringify(progress),
    );
    return reply === 1;
  }

  /** Its last step; the webhook that tells of it goes with it. False when another one drives the order by now. */
  async function end(order: BatchOrder, driver: string, progress: OrderProgress, webhook?: Webhook): Promise<boolean> {
    const touched = [
      keys.batchOrder(order.id),
      keys.batchOrderLease(order.id),
      keys.batchOrdersOpen,
      keys.fileReaders(order.inputFileId),
      keys.webhooks,
      keys.webhookData,
      keys.batchOrdersEnded,
    ];
    const told = webhook ? [webhook.id, JSON.stringify(webhook), webhook.createdAt] : [];
    const entry = `${order.id} ${order.account}`;
    const forgottenAt = (progress.endedAt ?? order.expiresAt) + keepMs;
    const fields = [driver, JSON.stringify(progress), order.id, keepMs, entry, forgottenAt, ...told];
    return (await redis.eval(END, touched.length, ...touched, ...fields)) === 1;
  }

  /** Takes orders that are remembered no longer out of the lists of their accounts. */
  async function sweep(now: number): Promise<void> {
    for (;;) {
      const entries = await redis.zrangebyscore(keys.batchOrdersEnded, '-inf', now, 'LIMIT', 0, SWEPT_AT_ONCE);
      if (entries.length === 0) return;
      const transaction = redis.multi();
      for (const entry of entries) {
        const [, id = '', account = ''] = /^(\S+) (.*)$/s.exec(entry) ?? [];
        transaction.zrem(keys.batchOrdersOf(account), id);
      }
      await transaction.zrem(keys.batchOrdersEnded, ...entries).exec();
    }
  }

  return { open, take, release, advance, end, sweep };
}
