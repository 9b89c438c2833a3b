import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterEach } from 'vitest';
import { DIMENSION_NAMES, type UsageDimension, type UsageSums } from '../../src/domain/usage-sums.ts';
import type { UsageRecord } from '../../src/domain/usage.ts';
import { nameOfValue } from '../../src/store/rollups/place.ts';
import { createRollups } from '../../src/store/rollups/rollups.ts';
import type { UsageEntry } from '../../src/store/usage-stream.ts';
import type { Stores } from './harness.ts';
import { usageRecord } from './ledger-steps.ts';

/** Usage records of a few days, and what they add up to, worked out apart from the product. */

const FIRST_MS = Date.UTC(2026, 1, 20, 20);
const ODD_NAMES = ['ann', 'bob', '=ann', '-', '~', '', 'a:b c', '__proto__', 'é\n\u0000', 'cost_nanos'];

const name = fc.constantFrom(...ODD_NAMES);
const recordArbitrary = fc.record({
  outcome: fc.constantFrom('completed', 'completed', 'failed', 'unconfirmed', 'cached', 'correction'),
  model: fc.constantFrom('small', 'large'),
  provider: fc.constantFrom('alpha', 'beta'),
  /** Only of those that have no answer. */
  code: fc.constantFrom('CANCELLED', 'PROVIDER_TIMEOUT'),
  task: fc.option(name, { nil: null }),
  account: name,
  user: fc.option(name, { nil: undefined }),
  variant: fc.option(name, { nil: undefined }),
  api_key: fc.constantFrom(undefined, '0123456789ab', 'ba9876543210'),
  input_tokens: fc.nat(5_000),
  output_tokens: fc.nat(5_000),
  cost: fc.integer({ min: 0, max: 5_000_000_000_000 }),
  latency_ms: fc.integer({ min: 0, max: 60_000 }),
  /** To the next record: minutes, hours, or the same millisecond. */
  pauseMs: fc.constantFrom(0, 1, 60_000, 3_600_000, 7 * 3_600_000),
});

/** Records in order, as the ledger may have written them over a few days. */
export function entriesArbitrary(leastRecords = 1, mostRecords = 60): fc.Arbitrary<UsageEntry[]> {
  return fc.array(recordArbitrary, { minLength: leastRecords, maxLength: mostRecords }).map((drafts) => {
    let atMs = FIRST_MS;
    return drafts.map(({ outcome, code, cost, pauseMs, user, variant, api_key, ...facts }, index) => {
      atMs += pauseMs;
      const costNanos = outcome === 'cached' ? 0 : outcome === 'correction' ? -cost : cost;
      const record: UsageRecord = {
        ...usageRecord({ job: `j-${index}` }, outcome, costNanos),
        ...facts,
        ...(user === undefined ? {} : { user }),
        ...(variant === undefined ? {} : { variant }),
        ...(api_key === undefined ? {} : { api_key }),
        ...(outcome === 'cached' ? { saved_nanos: cost } : {}),
        ...(['failed', 'unconfirmed'].includes(outcome) ? { error_code: code } : {}),
      };
      return { id: `${atMs}-${index + 1}`, record };
    });
  });
}

/** So many records, the same ones each time. */
export function someEntries(count: number): UsageEntry[] {
  return fc.sample(entriesArbitrary(count, count), { numRuns: 1, seed: count })[0] ?? [];
}

export async function writeEntries({ redis, keys }: Stores, entries: readonly UsageEntry[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const { id, record } of entries) pipeline.xadd(keys.usage, id, 'record', JSON.stringify(record));
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
}

/** `day dimension name` -> sums that are not 0; the name as JSON, null for none. */
export type Sums = Record<string, Partial<UsageSums>>;

export function foldPlainly(entries: readonly UsageEntry[]): Sums {
  const sums: Sums = {};
  for (const { id, record } of entries) {
    const day = new Date(Number(id.split('-')[0])).toISOString().slice(0, 10);
    for (const dimension of DIMENSION_NAMES) {
      // `key` in a record is the provider's.
      const name = record[dimension === 'key' ? 'api_key' : dimension] ?? null;
      const of = (sums[`${day} ${dimension} ${JSON.stringify(name)}`] ??= {});
      const add = (measure: keyof UsageSums, amount: number): void => {
        if (amount !== 0) of[measure] = (of[measure] ?? 0) + amount;
      };
      add('cost_nanos', record.cost_nanos);
      if (record.outcome !== 'correction') add(record.outcome, 1);
      if (record.error_code === 'CANCELLED') add('cancelled', 1);
      if (record.outcome === 'cached') add('saved_nanos', record.saved_nanos ?? 0);
      if (['completed', 'failed', 'unconfirmed'].includes(record.outcome)) {
        add('input_tokens', record.input_tokens);
        add('output_tokens', record.output_tokens);
      }
      if (record.outcome === 'completed') add('latency_ms', record.latency_ms);
    }
  }
  return withoutZeros(sums);
}

/** What the rollups say, in the same form. */
export async function readRollups({ redis, keys }: Stores): Promise<Sums> {
  const rollups = createRollups(redis, keys);
  const sums: Sums = {};
  for (const day of await rollups.days()) {
    for (const [dimension, byValue] of (await rollups.readDay(day)).sums) {
      for (const [value, of] of byValue) sums[keyOf(day, dimension, value)] = of;
    }
  }
  return withoutZeros(sums);
}

function keyOf(day: string, dimension: UsageDimension, value: string): string {
  return `${day} ${dimension} ${JSON.stringify(nameOfValue(value) ?? null)}`;
}

function withoutZeros(sums: Sums): Sums {
  const entries = Object.entries(sums).map(([key, of]) => [
    key,
    Object.fromEntries(Object.entries(of).filter(([, amount]) => amount !== 0)),
  ]);
  return Object.fromEntries(entries) as Sums;
}

/** The connection of a process that is killed at its `count`-th command, before Redis gets it or after it has done it. */
export function killedAt(redis: Redis, count: number, when: 'before' | 'after'): Redis {
  let left = count;
  return new Proxy(redis, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function' || !COMMANDS.has(String(name))) return member;
      return (...values: unknown[]): unknown => {
        left -= 1;
        const dead = new Error('killed');
        const call = (): unknown => Reflect.apply(member, target, values);
        if (left > 0) return call();
        if (left < 0 || when === 'before') return name === 'multi' ? call() : Promise.reject(dead);
        return name === 'multi' ? call() : Promise.resolve(call()).then(() => Promise.reject(dead));
      };
    },
  });
}

/** The connection of a process that is killed when the archive has its records, and Redis does not know of it yet. */
export function killedBeforeMark(redis: Redis): Redis {
  return new Proxy(redis, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name !== 'eval' || typeof member !== 'function') return member;
      return (...values: unknown[]): unknown => {
        const isMark = values.includes('written') && !values.includes('directory');
        return isMark ? Promise.reject(new Error('killed')) : Reflect.apply(member, target, values);
      };
    },
  });
}

const COMMANDS = new Set(['eval', 'xrange', 'hget', 'hgetall', 'smembers', 'multi', 'time', 'unlink']);

/** For the top of a test file: folders that are removed after each test. */
export function useFolders(): () => Promise<string> {
  const folders: string[] = [];
  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-usage-'));
    folders.push(folder);
    return folder;
  };
}
