import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, inject } from 'vitest';
import type { z } from 'zod';
import { Config, type ConfigShape } from '../../src/domain/config.ts';
import type { PromptJob, QueuedJob } from '../../src/domain/job.ts';
import type { JobResult } from '../../src/domain/result.ts';
import type { UsageRecord } from '../../src/domain/usage.ts';
import { Producer } from '../../src/producer/producer.ts';
import type { SimAnswers } from '../../src/sim/answers.ts';
import type { FaultRule } from '../../src/sim/faults.ts';
import type { LedgerCall } from '../../src/sim/ledger.ts';
import type { SimProfilesInput } from '../../src/sim/profiles.ts';
import { type Sim, startSim } from '../../src/sim/server.ts';
import { type BatchStore, createBatchStore } from '../../src/store/batches.ts';
import { type Keys, createKeys } from '../../src/store/keys.ts';
import { type Ledger, createLedger } from '../../src/store/ledger.ts';
import type { RedisTarget } from '../../src/store/redis.ts';
import { createUsageStream } from '../../src/store/usage-stream.ts';
import { WorkerPool } from '../../src/workers/pool.ts';

export type ConfigInput = z.input<typeof ConfigShape>;

const DAY_MS = 86_400_000;
const QUIET = pino({ level: 'silent' });

/** A prefix that no other test has. */
export function uniquePrefix(): string {
  return `{t${randomBytes(8).toString('hex')}}`;
}

/** Waits, looking often, until `look` gives something truthy, and returns that. A bounded wait: it fails with `what`. */
export async function until<Found>(
  what: string,
  look: () => Found | Promise<Found>,
  timeoutMs = 10_000,
): Promise<NonNullable<Found>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await pause(4);
  }
}

/** The stores of one prefix, with a connection of their own. */
export type Stores = {
  redis: Redis;
  keys: Keys;
  ledger: Ledger;
  batches: BatchStore;
  /** The whole usage stream, oldest first. */
  usage: () => Promise<UsageRecord[]>;
  /** Sums over all budgets of the prefix. */
  money: () => Promise<{ spentNanos: number; heldNanos: number }>;
  close: () => Promise<void>;
};

export function openStores(prefix = uniquePrefix(), socketPath = inject('redisSocket')): Stores {
  const redis = new Redis(socketPath);
  const keys = createKeys(prefix);
  const stream = createUsageStream(redis, keys);
  const usage = async (): Promise<UsageRecord[]> => {
    const records: UsageRecord[] = [];
    for await (const page of stream.read()) records.push(...page.map((entry) => entry.record));
    return records;
  };
  const money = async (): Promise<{ spentNanos: number; heldNanos: number }> => {
    const sums = { spentNanos: 0, heldNanos: 0 };
    for (const key of await redis.keys(`${prefix}:budget:*`)) {
      const [spent, held] = await redis.hmget(key, 'spent', 'held');
      sums.spentNanos += Number(spent ?? 0);
      sums.heldNanos += Math.abs(Number(held ?? 0));
    }
    return sums;
  };
  return {
    redis,
    keys,
    ledger: createLedger(redis, keys, { resultTtlMs: DAY_MS }),
    batches: createBatchStore(redis, keys, { ttlMs: DAY_MS }),
    usage,
    money,
    close: async () => {
      await redis.quit();
    },
  };
}

const PRICE = { input: 1, output: 4 };
const INSTANT = { p50_ms: 0, p95_ms: 0 };
const WINDOWS_BY_ALIAS = { small: 8_000, medium: 32_000, large: 128_000 };
const PROVIDERS_BY_ALIAS = { small: 'alpha', medium: 'beta', large: 'alpha' };

/** Three models of two providers, asked in this order: small (alpha), medium (beta), large (alpha). */
export function threeModels() {
  const aliases = ['small', 'medium', 'large'] as const;
  return Object.fromEntries(
    aliases.map((alias) => [
      alias,
      {
        provider: PROVIDERS_BY_ALIAS[alias],
        id: `sim/${alias}`,
        price: PRICE,
        context: WINDOWS_BY_ALIAS[alias],
        tier: alias,
      },
    ]),
  ) satisfies ConfigInput['models'];
}

export type HarnessOptions = {
  /** How the simulated models behave; those of the configuration answer at once without it. */
  profiles?: SimProfilesInput;
  faults?: readonly FaultRule[];
  answers?: SimAnswers;
  seed?: number;
  /** Merged over the harness's own configuration, field by field of the first level. */
  config?: Partial<ConfigInput>;
};

export type Harness = Stores & {
  sim: Sim;
  config: Config;
  producer: Producer;
  target: RedisTarget;
  /** Starts workers; `close` stops those that still run. */
  startPool: (options?: { concurrency?: number; lanes?: string[]; config?: Config }) => Promise<WorkerPool>;
  /** The BullMQ queue of a lane, to look into it. */
  queue: (lane?: string) => Queue<QueuedJob>;
  /** Enqueues the jobs and waits until all have ended; in their order. */
  run: (jobs: readonly PromptJob[], timeoutMs?: number) => Promise<JobResult[]>;
  /** What the simulated provider was asked, by our attempt ids. */
  calls: () => LedgerCall[];
  /** Stops everything and fails when something was left open: attempts, reservations, sockets, timers. */
  close: () => Promise<void>;
};

/** A whole installation in miniature: simulated provider, configuration, producer, workers on demand, a reader of the books. */
async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const before = openResources();
  const models = options.config?.models ?? threeModels();
  const profiles =
    options.profiles ??
    Object.fromEntries(Object.values(models).map(({ id, price }) => [id, { price: price ?? PRICE, latency: INSTANT }]));
  const { faults, answers, seed } = options;
  const sim = await startSim({
    profiles,
    ...(faults ? { faults } : {}),
    ...(answers ? { answers } : {}),
    ...(seed === undefined ? {} : { seed }),
  });
  const prefix = uniquePrefix();
  const provider = { base_url: sim.url, allow_private: true, timeout: '20s' };
  const config = Config.parse({
    providers: { alpha: provider, beta: provider },
    routing: { strategy: 'order', default_max_tokens: 256 },
    budgets: { everything: { limit_usd: 1_000 } },
    // Models that fail are left alone for a while: a test that is about something else would wait for that.
    circuit: { failures: 10_000 },
    ...options.config,
    models,
    redis: { prefix },
  });
  const target = { path: inject('redisSocket') };
  const stores = openStores(prefix);
  const producer = new Producer({ config, redis: target });
  const pools: WorkerPool[] = [];
  const queues = new Map<string, Queue<QueuedJob>>();

  const queue = (lane = 'interactive'): Queue<QueuedJob> => {
    const open =
      queues.get(lane) ?? new Queue<QueuedJob>(lane, { connection: stores.redis, prefix: stores.keys.queues });
    queues.set(lane, open);
    return open;
  };
  const run = async (jobs: readonly PromptJob[], timeoutMs = 20_000): Promise<JobResult[]> => {
    const ids = await Promise.all(jobs.map((job) => producer.enqueue(job)));
    return Promise.all(ids.map(({ id }) => producer.waitFor(id, { timeoutMs })));
  };
  const startPool: Harness['startPool'] = async ({ config: own = config, ...rest } = {}) => {
    const pool = new WorkerPool({ config: own, redis: target, logger: QUIET, ...rest });
    pools.push(pool);
    await pool.start();
    return pool;
  };
  const close = async (): Promise<void> => {
    await Promise.all(pools.map((pool) => pool.stop()));
    await producer.close();
    const left = { openAttempts: await stores.ledger.openAttempts(), ...(await stores.money()) };
    await Promise.all([...queues.values()].map((open) => open.close()));
    await stores.close();
    await sim.stop();
    if (left.openAttempts > 0 || left.heldNanos > 0) throw new Error(`left in the ledger: ${JSON.stringify(left)}`);
    await expectNoMoreThan(before);
  };
  return { ...stores, sim, config, producer, target, startPool, queue, run, calls: () => sim.ledger.calls(), close };
}

/** For the top of a test file: what it opens is closed after each test, and looked over for what was left behind. */
export function useHarness(): (options?: HarnessOptions) => Promise<Harness> {
  const open: Harness[] = [];
  afterEach(async () => {
    for (const harness of open.splice(0)) await harness.close();
  });
  return async (options) => {
    const harness = await startHarness(options);
    open.push(harness);
    return harness;
  };
}

/** Sockets, servers and timers that keep this process alive. */
function openResources(): Map<string, number> {
  const names = process.getActiveResourcesInfo().filter((name) => /Pipe|TCP|Timeout/.test(name));
  return new Map([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
}

async function expectNoMoreThan(before: ReadonlyMap<string, number>): Promise<void> {
  const left = (): string[] =>
    [...openResources()].flatMap(([name, count]) => (count > (before.get(name) ?? 0) ? [name] : []));
  // The waiting itself is a timer, so that timers are looked at between two of them.
  await until('sockets and timers to be closed', () => left().length === 0, 2_000).catch(() => {
    throw new Error(`left open: ${left().join(', ')}`);
  });
}
