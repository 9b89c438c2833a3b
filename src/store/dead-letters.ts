import type { Redis } from 'ioredis';
import type { FailedResult, JobResult } from '../domain/result.ts';
import type { Keys } from './keys.ts';
import { readRedisTime } from './redis-clock.ts';

/** A job that ended as failed, otherwise than by being cancelled. */
export type DeadLetter = {
  jobId: string;
  /** Epoch ms. */
  failedAt: number;
  result: FailedResult;
  /** The result as it is stored. */
  text: string;
};

const PAGE = 200;

export type DeadLetterStore = ReturnType<typeof createDeadLetterStore>;

/** `ttlMs` is how long results are kept: dead letters live as long. */
export function createDeadLetterStore(redis: Redis, keys: Keys, { ttlMs }: { ttlMs: number }) {
  async function count(): Promise<number> {
    return redis.zcard(keys.dead);
  }

  /** All of them, the newest first, a page at a time. */
  async function* pages(): AsyncGenerator<DeadLetter[]> {
    for (let first = 0; ; first += PAGE) {
      const page = await readFrom(first, PAGE);
      if (page === undefined) return;
      yield page;
    }
  }

  async function newest(limit: number): Promise<DeadLetter[]> {
    return (await readFrom(0, limit)) ?? [];
  }

  /** In the order of `pages`. Undefined when there are no more; those without a result are left out. */
  async function readFrom(first: number, most: number): Promise<DeadLetter[] | undefined> {
    const page = await redis.zrevrange(keys.dead, first, first + most - 1, 'WITHSCORES');
    if (page.length === 0) return undefined;
    const jobIds = page.filter((_, index) => index % 2 === 0);
    return read(jobIds, (index) => page[2 * index + 1] ?? null);
  }

  /** Those of the jobs that are dead letters. */
  async function get(jobIds: readonly string[]): Promise<DeadLetter[]> {
    if (jobIds.length === 0) return [];
    const scores = await redis.zmscore(keys.dead, ...jobIds);
    return read(jobIds, (index) => scores[index] ?? null);
  }

  async function read(jobIds: readonly string[], scoreOf: (index: number) => string | null): Promise<DeadLetter[]> {
    const texts = await redis.mget(jobIds.map(keys.result));
    return jobIds.flatMap((jobId, index) => {
      const [text, score] = [texts[index], scoreOf(index)];
      if (text === null || text === undefined || score === null) return [];
      const result = JSON.parse(text) as JobResult;
      return result.status === 'failed' ? [{ jobId, failedAt: Number(score), result, text }] : [];
    });
  }

  /** Drops entries whose results are past their keep. */
  async function trim(): Promise<void> {
    await redis.zremrangebyscore(keys.dead, '-inf', (await readRedisTime(redis)) - ttlMs);
  }

  return { count, pages, newest, get, trim };
}
