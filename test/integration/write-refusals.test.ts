import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectBalanced } from '../support/books.ts';
import { until } from '../support/harness.ts';
import { type OwnRedisStage, openOwnRedisStage } from '../support/own-redis.ts';

const ROWS = 8;
const REFUSED_FOR_MS = 2_000;

async function openStageWithRows(): Promise<OwnRedisStage & { ids: string[] }> {
  const stage = await openOwnRedisStage({ latencyMs: 300, config: { workers: { concurrency: 2 } } });
  const jobs = Array.from({ length: ROWS }, (_, row) => ({ prompt: `row ${row}` }));
  const ids = await Promise.all(jobs.map(async (job) => (await stage.producer.enqueue(job)).id));
  return { ...stage, ids };
}

/** Many rows wait, and a call is under way. */
async function openBusyStage(): Promise<OwnRedisStage & { ids: string[] }> {
  const stage = await openStageWithRows();
  await stage.createPool().start();
  await until('a call', () => stage.sim.ledger.totals().calls >= 1);
  return stage;
}

/** How many commands Redis has refused so. */
async function refusals({ redis }: OwnRedisStage, word: string): Promise<number> {
  return Number(new RegExp(`^errorstat_${word}:count=(\\d+)`, 'm').exec(await redis.info('errorstats'))?.[1] ?? 0);
}

async function expectAllCompletedOnce(stage: OwnRedisStage & { ids: string[] }): Promise<void> {
  const results = await Promise.all(stage.ids.map((id) => stage.producer.waitFor(id, { timeoutMs: 20_000 })));
  expect(results.map((result) => [result.status, result.attempts.length])).toEqual(
    Array.from({ length: ROWS }, () => ['completed', 1]),
  );
  expect(stage.sim.ledger.totals().calls).toBe(ROWS);
  await expectBalanced(stage);
}

test('a Redis that refuses writes pauses the pool: no new calls, no storm of commands, no answer lost, two lines', async () => {
  const stage = await openBusyStage();
  const { redis, sim, lines } = stage;
  await redis.config('SET', 'min-replicas-to-write', '1');
  await until('the pause', () => lines.length > 0);
  const { calls } = sim.ledger.totals();
  await pause(REFUSED_FOR_MS);

  expect(sim.ledger.totals().calls).toBe(calls);
  expect(await refusals(stage, 'NOREPLICAS')).toBeLessThan(40);
  expect(lines).toMatchObject([{ reason: 'NOREPLICAS', msg: expect.stringMatching(/^Redis refuses writes/) }]);

  await redis.config('SET', 'min-replicas-to-write', '0');
  await expectAllCompletedOnce(stage);
  expect(lines.slice(1)).toMatchObject([{ msg: 'Redis takes writes again', paused_ms: expect.any(Number) }]);
});

test('a pool that has hands free while Redis refuses writes does not ask for jobs over and over', async () => {
  const stage = await openStageWithRows();
  const { redis, sim } = stage;
  await redis.config('SET', 'min-replicas-to-write', '1');
  await stage.createPool().start();
  await pause(REFUSED_FOR_MS);
  expect(sim.ledger.totals().calls).toBe(0);
  // Without a guard it is more than 2,000 a second.
  expect(await refusals(stage, 'NOREPLICAS')).toBeLessThan(40);
  await redis.config('SET', 'min-replicas-to-write', '0');
  await expectAllCompletedOnce(stage);
});

test('a Redis that is out of memory still takes what was spent, and no new call is made', async () => {
  const stage = await openBusyStage();
  const { redis, sim, ledger, ids, lines } = stage;
  const ended = async (): Promise<number> => (await ledger.results(ids)).filter(Boolean).length;
  await redis.config('SET', 'maxmemory', '1');
  await until('the pause', () => lines.length > 0);
  const { calls } = sim.ledger.totals();
  await until('the calls under way to be settled', async () => (await ended()) === calls);
  expect(await ledger.openAttempts()).toBe(0);
  expect(sim.ledger.totals().calls).toBe(calls);

  await redis.config('SET', 'maxmemory', '0');
  await expectAllCompletedOnce(stage);
});

test('a pool whose Redis refuses writes can be stopped', async () => {
  const stage = await openOwnRedisStage({ latencyMs: 200 });
  const { redis, producer, sim, lines } = stage;
  const pool = stage.createPool();
  await pool.start();
  await producer.enqueue({ prompt: 'hello' });
  await until('the call', () => sim.ledger.totals().calls === 1);
  await redis.config('SET', 'min-replicas-to-write', '1');
  await until('the pause', () => lines.length > 0);
  const before = performance.now();
  await pool.stop(50);
  expect(performance.now() - before).toBeLessThan(3_000);
});
