import type { Redis } from 'ioredis';

/** What Redis' clock says, in epoch milliseconds with a fraction. */
export async function readRedisTime(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Number(micros) / 1_000;
}

/**
 * Redis' clock as this process knows it, in epoch milliseconds: what all workers of an installation have in common. Between
 * two readings it goes on with a clock that nobody sets, so that a process whose date is changed goes on by the right one.
 */
export type RedisClock = {
  now(): number;
  /** Asks Redis. A slow answer makes the clock no worse than it was. */
  read(): Promise<void>;
};

export function createRedisClock(redis: Redis, monotonicMs: () => number = () => performance.now()): RedisClock {
  let aheadMs = Date.now() - monotonicMs();
  return {
    now: () => Math.round(aheadMs + monotonicMs()),
    async read() {
      const askedAtMs = monotonicMs();
      const toldMs = await readRedisTime(redis);
      const answeredAtMs = monotonicMs();
      // It read its clock somewhere between the question and the answer. What agrees with that is left as it is.
      aheadMs = Math.min(toldMs - askedAtMs, Math.max(toldMs - answeredAtMs, aheadMs));
    },
  };
}
