import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { nanosToUsd } from '../domain/money.ts';
import { emptySums } from '../domain/usage-sums.ts';
import { type BatchStatus, createBatchStore } from '../store/batches.ts';
import { createBudgetStore } from '../store/budgets.ts';
import { createDeadLetterStore } from '../store/dead-letters.ts';
import type { Keys } from '../store/keys.ts';
import { createSeries } from './prometheus.ts';
import { type BudgetStatus, readBudgets } from './status/budgets.ts';
import { budgetsOfKeys, createKeyReader } from './status/keys.ts';

const NEWEST_BATCHES = 100;
const BUDGETS_OF_KEYS = 100;
/** For stores that are only read from. */
const NO_WRITES_TTL_MS = 1;
const NO_SPEND = { total: emptySums(), shares: new Map(), countedUntilMs: undefined };
const STATES = ['enqueueing', 'running', 'paused', 'cancelled', 'finished'] as const;

/** A reader of what lies in Redis besides queues and gates: batches, dead letters, budgets that are not shared out, and of virtual keys. */
export function createStateReader(redis: Redis, keys: Keys, budgets: Config['budgets'] = {}): () => Promise<string[]> {
  const options = { ttlMs: NO_WRITES_TTL_MS, resultTtlMs: NO_WRITES_TTL_MS };
  const batchStore = createBatchStore(redis, keys, options);
  const deadLetters = createDeadLetterStore(redis, keys, options);
  const budgetStore = createBudgetStore(redis, keys, options);
  const readKeys = createKeyReader(redis, keys);
  return async () => {
    const [batches, dead, standings, apiKeys] = await Promise.all([
      batchStore.list(NEWEST_BATCHES),
      deadLetters.count(),
      readBudgets(budgetStore, budgets, NO_SPEND),
      readKeys(),
    ]);
    return [
      ...renderBatches(batches),
      renderDeadLetters(dead),
      ...renderBudgets([...standings, ...budgetsOfKeys(apiKeys, BUDGETS_OF_KEYS)]),
    ];
  };
}

function renderBatches(batches: readonly BatchStatus[]): string[] {
  const count = createSeries('gauge', { name: 'sluice_batches', help: 'The newest hundred batches, by state.' });
  for (const state of STATES) count.add({ state }, batches.filter((batch) => batch.state === state).length);
  const rows = createSeries('gauge', {
    name: 'sluice_batch_rows',
    help: 'Rows of those batches that are under way, by state.',
  });
  const underWay = batches.filter(({ state }) => state !== 'finished' && state !== 'cancelled');
  const sum = (amount: (batch: BatchStatus) => number): number =>
    underWay.reduce((total, batch) => total + amount(batch), 0);
  rows.add(
    { state: 'completed' },
    sum(({ completed }) => completed),
  );
  rows.add(
    { state: 'failed' },
    sum(({ failed }) => failed),
  );
  rows.add(
    { state: 'open' },
    sum(({ total, completed, failed }) => total - completed - failed),
  );
  return [count.render(), rows.render()];
}

function renderDeadLetters(count: number): string {
  const series = createSeries('gauge', {
    name: 'sluice_dead_letters',
    help: 'Jobs that failed for good and are kept.',
  });
  series.add({}, count);
  return series.render();
}

function renderBudgets(budgets: readonly BudgetStatus[]): string[] {
  const convert = nanosToUsd;
  const limit = createSeries('gauge', {
    name: 'sluice_budget_limit_usd',
    help: 'US dollars, in this window.',
    convert,
  });
  const spent = createSeries('gauge', {
    name: 'sluice_budget_spent_usd',
    help: 'US dollars, in this window.',
    convert,
  });
  const held = createSeries('gauge', {
    name: 'sluice_budget_held_usd',
    help: 'US dollars that calls under way may cost.',
    convert,
  });
  for (const { purse: budget, keyName, window, limitNanos, spentNanos, heldNanos } of budgets) {
    const labels = { budget, window, ...(keyName !== undefined && { key_name: keyName }) };
    limit.add(labels, limitNanos);
    spent.add(labels, spentNanos);
    held.add(labels, heldNanos);
  }
  return [limit.render(), spent.render(), held.render()];
}
