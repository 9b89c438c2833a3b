import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../../domain/config.ts';
import { createBatchStore, type BatchStatus } from '../../store/batches.ts';
import { createBudgetStore } from '../../store/budgets.ts';
import { createDeadLetterStore } from '../../store/dead-letters.ts';
import { gatedModelsOf } from '../../store/gates/models.ts';
import { type GateStatus, readGates } from '../../store/gates/read.ts';
import type { Keys } from '../../store/keys.ts';
import { createObservationReader } from '../../store/observations.ts';
import { readRedisTime } from '../../store/redis-clock.ts';
import { createRollups } from '../../store/rollups/rollups.ts';
import { type LaneReading, readLanes } from '../lanes.ts';
import { type BudgetStatus, dimensionsOf, readBudgets } from './budgets.ts';
import { type KeyStatus, budgetsOfKeys, createKeyReader } from './keys.ts';
import { type ModelStatus, summariseModels } from './models.ts';
import { type Spend, createSpendReader } from './spend.ts';

/** A job that failed for good; nothing of what it asked. */
export type Failure = { jobId: string; task: string | null; model: string | undefined; code: string; failedAt: number };

/** An installation at one time, for a person. */
export type Status = {
  /** Redis' clock, epoch ms. */
  at: number;
  lanes: readonly LaneReading[];
  spend: Spend;
  models: readonly ModelStatus[];
  /** Gates that let no calls pass, or one at a time. */
  closedGates: readonly GateStatus[];
  /** The configured ones, and of those of virtual keys the nearest to their limit. */
  budgets: readonly BudgetStatus[];
  /** Virtual keys that are let in. */
  keys: readonly KeyStatus[];
  batches: readonly BatchStatus[];
  failures: { count: number; newest: readonly Failure[] };
};

export type StatusOptions = {
  redis: Redis;
  keys: Keys;
  queues: readonly Queue[];
  config?: Partial<Pick<Config, 'models' | 'providers' | 'budgets'>> | undefined;
};

const NEWEST_BATCHES = 20;
const NEWEST_FAILURES = 8;
const BUDGETS_OF_KEYS = 5;
/** For stores that this page only reads from. */
const NO_WRITES_TTL_MS = 1;

/** A reader of everything that the status page tells; a bounded number of commands at a time, however many jobs there are. */
export function createStatusReader({ redis, keys, queues, config = {} }: StatusOptions): () => Promise<Status> {
  const { models = {}, providers = {}, budgets = {} } = config;
  const observations = createObservationReader(redis, keys, gatedModelsOf({ models, providers }));
  const dimensions = new Set(['model', 'account', 'key', ...dimensionsOf(budgets)] as const);
  const readSpend = createSpendReader(createRollups(redis, keys), [...dimensions]);
  const budgetStore = createBudgetStore(redis, keys, { resultTtlMs: NO_WRITES_TTL_MS });
  const readKeys = createKeyReader(redis, keys);
  const batchStore = createBatchStore(redis, keys, { ttlMs: NO_WRITES_TTL_MS });
  const deadLetters = createDeadLetterStore(redis, keys, { ttlMs: NO_WRITES_TTL_MS });

  async function readFailures(): Promise<Status['failures']> {
    const [count, newest] = await Promise.all([deadLetters.count(), deadLetters.newest(NEWEST_FAILURES)]);
    return {
      count,
      newest: newest.map(({ jobId, failedAt, result: { task, attempts, error } }) => ({
        jobId,
        task,
        model: attempts.at(-1)?.model,
        code: error.code,
        failedAt,
      })),
    };
  }

  return async () => {
    const at = await readRedisTime(redis);
    const [lanes, spend, gates, batches, failures] = await Promise.all([
      readLanes(queues),
      readSpend(at),
      readGates(redis, keys),
      batchStore.list(NEWEST_BATCHES),
      readFailures(),
      observations.refresh(),
    ]);
    const [configured, apiKeys] = await Promise.all([
      readBudgets(budgetStore, budgets, spend),
      readKeys(spend.shares.get('key')),
    ]);
    return {
      at,
      lanes,
      spend,
      models: summariseModels({
        configured: models,
        gates,
        observations: observations.current(),
        today: spend.shares.get('model') ?? [],
      }),
      closedGates: gates.filter(({ state }) => state !== 'passing'),
      budgets: [...configured, ...budgetsOfKeys(apiKeys, BUDGETS_OF_KEYS)],
      keys: apiKeys,
      batches: batches.filter(({ state }) => state !== 'finished' && state !== 'cancelled'),
      failures,
    };
  };
}
