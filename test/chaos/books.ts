import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../../src/domain/config.ts';
import type { JobResult } from '../../src/domain/result.ts';
import type { LedgerCall } from '../../src/sim/ledger.ts';
import type { Sim } from '../../src/sim/server.ts';
import type { Keys } from '../../src/store/keys.ts';
import { type UsageEntry, createUsageStream } from '../../src/store/usage-stream.ts';

/** A moment at which something was done to the installation, and what was under way then. */
export type Strike = {
  /** Epoch milliseconds. */
  at: number;
  /** Calls that it may have caused to be made again. */
  inFlight: number;
  /** It hit all jobs under way, and not only those whose attempt came to nothing. */
  isForAll: boolean;
  /** Job id -> attempt id. */
  open: ReadonlyMap<string, string>;
};

/** What one purse holds in one of its windows, in nano-dollars. */
export type PurseBook = { purse: string; window: string; spentNanos: number; heldNanos: number };

/** Everything that is known of what has happened, read from all who wrote it down. */
export type Books = {
  config: Config;
  jobs: ReadonlySet<string>;
  /** Job id -> how it ended. */
  results: ReadonlyMap<string, JobResult>;
  /** By the provider's own book. */
  calls: readonly LedgerCall[];
  /** Calls that the provider has accepted and not ended. */
  runningCalls: number;
  /** The usage stream, oldest first. */
  usage: readonly UsageEntry[];
  purses: readonly PurseBook[];
  /** Batch id -> the cap that it was submitted with, in nano-dollars. */
  caps: ReadonlyMap<string, number>;
  /** Of the ledger: attempts that are admitted, or marked as sent, and not settled. */
  openAttempts: number;
  /** Calls that the gates believe to be under way. */
  callsAtGates: number;
  /** By BullMQ's own books. */
  queue: { unended: number; failed: ReadonlySet<string> };
  strikes: readonly Strike[];
};

export type BookSources = Pick<Books, 'config' | 'jobs' | 'caps' | 'strikes'> & {
  sim: Sim;
  redis: Redis;
  keys: Keys;
  queue: Queue;
};

const PAGE = 500;

/** As BullMQ names them. */
export const UNENDED_STATES = ['wait', 'active', 'delayed', 'prioritized'] as const;

export async function readBooks({ sim, redis, keys, queue, ...known }: BookSources): Promise<Books> {
  const { calls, answered, failed, aborted } = sim.ledger.totals();
  const counts = await queue.getJobCounts(...UNENDED_STATES);
  return {
    ...known,
    results: await readResults(redis, keys, [...known.jobs]),
    calls: sim.ledger.calls(),
    runningCalls: calls - answered - failed - aborted,
    usage: await readUsage(redis, keys),
    purses: await readPurses(redis, keys),
    openAttempts: Math.max(await redis.hlen(keys.open), await redis.hlen(keys.sent)),
    callsAtGates: await countCallsAtGates(redis, keys),
    queue: {
      unended: Object.values(counts).reduce((sum, count) => sum + count, 0),
      failed: new Set(await redis.zrange(queue.toKey('failed'), '0', '-1')),
    },
  };
}

/** Job id -> attempt id, of the attempts that the ledger has admitted and not settled. */
export async function openAttempts(redis: Redis, keys: Keys): Promise<Map<string, string>> {
  const entries = await redis.hgetall(keys.open);
  return new Map(Object.entries(entries).map(([job, entry]) => [job, entry.split('\n', 1)[0] ?? '']));
}

async function readResults(redis: Redis, keys: Keys, jobs: readonly string[]): Promise<Map<string, JobResult>> {
  const results = new Map<string, JobResult>();
  for (let first = 0; first < jobs.length; first += PAGE) {
    const page = jobs.slice(first, first + PAGE);
    const texts = await redis.mget(page.map(keys.result));
    for (const [index, job] of page.entries()) {
      const text = texts[index];
      if (typeof text === 'string') results.set(job, JSON.parse(text) as JobResult);
    }
  }
  return results;
}

async function readUsage(redis: Redis, keys: Keys): Promise<UsageEntry[]> {
  const usage: UsageEntry[] = [];
  for await (const page of createUsageStream(redis, keys).read()) usage.push(...page);
  return usage;
}

/** The keys end with the window, in which there is no colon. */
async function readPurses(redis: Redis, keys: Keys): Promise<PurseBook[]> {
  const begin = keys.budget('', '').slice(0, -1);
  const purses: PurseBook[] = [];
  for (const key of await keysLike(redis, `${begin}*`)) {
    const [spent, held] = await redis.hmget(key, 'spent', 'held');
    const end = key.lastIndexOf(':');
    const [purse, window] = [key.slice(begin.length, end), key.slice(end + 1)];
    purses.push({ purse, window, spentNanos: Number(spent ?? 0), heldNanos: Number(held ?? 0) });
  }
  return purses;
}

async function countCallsAtGates(redis: Redis, keys: Keys): Promise<number> {
  let count = 0;
  for (const key of await keysLike(redis, `${keys.gate('')}*`)) {
    count += Math.abs(Number((await redis.hget(key, 'inflight')) ?? 0));
  }
  return count;
}

async function keysLike(redis: Redis, pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const page of redis.scanStream({ match: pattern, count: 1_000 })) found.push(...(page as string[]));
  return [...new Set(found)];
}
