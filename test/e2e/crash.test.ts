import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { embeddedRedisStatus } from '../../src/store/embedded/index.ts';
import type { CliProcess } from '../support/cli-folder.ts';
import { isRunning } from '../support/embedded-folder.ts';
import { type SimProcess, type Workshop, useWorkshop } from '../support/cli.ts';
import { until } from '../support/harness.ts';

const ROWS = 300;
const CONCURRENCY = 6;
const LATENCY = { p50_ms: 50, p95_ms: 80 };

const openWorkshop = useWorkshop();

type Scene = { workshop: Workshop; sim: SimProcess; workers: CliProcess[]; startWorker: () => CliProcess };

/** Two worker processes in the middle of a batch of 300 rows. */
async function startScene(): Promise<Scene> {
  const workshop = await openWorkshop();
  const sim = await workshop.startSim({
    'sim/cheap': { price: { input: 1, output: 4 }, latency: LATENCY },
    'sim/dear': { price: { input: 10, output: 40 }, latency: LATENCY },
  });
  // Recovery takes the length of a lock or two.
  await workshop.configure(sim.url, { workers: { lock: '2s', grace: '5s' } });
  const startWorker = (): CliProcess =>
    workshop.start(['worker', '--lane', 'batch', '--concurrency', String(CONCURRENCY)]);
  const workers = [startWorker(), startWorker()];
  await Promise.all(workers.map((worker) => worker.said(/worker ready/)));
  const rows = Array.from({ length: ROWS }, (_, index) =>
    JSON.stringify({ id: `r-${index}`, prompt: `Row ${index}.` }),
  );
  await workshop.write('rows.jsonl', rows.join('\n'));
  const submitted = await workshop.run(['batch', 'submit', 'rows.jsonl', '--id', 'crash', '--max-total-usd', '5']);
  expect(submitted.code).toBe(0);
  await until('a third of the rows', async () => (await statusOf(workshop)).completed >= ROWS / 3, 30_000);
  return { workshop, sim, workers, startWorker };
}

async function statusOf(workshop: Workshop): Promise<{ completed: number; failed: number; costNanos: number }> {
  const status = await workshop.stores.batches.status('crash').catch(() => undefined);
  return status ?? { completed: 0, failed: 0, costNanos: 0 };
}

/** All rows have completed, each once; calls, records and budgets agree. Returns how many calls there were. */
async function expectNothingLost({ workshop, sim }: Scene): Promise<number> {
  await until(
    'all rows to end',
    async () => {
      const { completed, failed } = await statusOf(workshop);
      return completed + failed >= ROWS;
    },
    60_000,
  );
  const { stores } = workshop;
  const { completed, failed, costNanos } = await statusOf(workshop);
  expect({ completed, failed }).toEqual({ completed: ROWS, failed: 0 });
  const results = await stores.ledger.results(Array.from({ length: ROWS }, (_, row) => `crash-${row}`));
  expect(new Set(results.map((result) => result?.row_id)).size).toBe(ROWS);
  expect(results.every((result) => result?.status === 'completed')).toBe(true);

  // A call whose worker was killed ends for the provider, too; what is written off may come a moment later.
  await until('open attempts to be settled', async () => (await stores.ledger.openAttempts()) === 0);
  const records = (await stores.usage()).filter((record) => record.outcome !== 'correction');
  const recorded = records.map((record) => record.attempt_id);
  expect(new Set(recorded).size).toBe(recorded.length);
  const calls = await sim.calls();
  const called = calls.map((call) => call.request_id ?? '');
  expect(new Set(called).size).toBe(called.length);
  expect(called.filter((attemptId) => !recorded.includes(attemptId))).toEqual([]);
  const uncalled = records.filter((record) => !called.includes(record.attempt_id));
  expect(uncalled.filter((record) => record.outcome !== 'unconfirmed')).toEqual([]);
  expect(records.filter((record) => record.outcome === 'completed')).toHaveLength(ROWS);

  const billedNanos = (await stores.usage()).reduce((sum, record) => sum + record.cost_nanos, 0);
  expect(await stores.money()).toEqual({ spentNanos: billedNanos, heldNanos: 0 });
  expect(costNanos).toBe(billedNanos);
  expect(billedNanos).toBeGreaterThanOrEqual((await sim.totals()).cost_nanos);
  return called.length;
}

describe('two workers on one batch', () => {
  it('one is killed in the middle: the other takes its jobs over, and no call goes unrecorded', async () => {
    const scene = await startScene();
    const [victim] = scene.workers;
    expect(await victim?.end('SIGKILL')).toBe(null);
    const calls = await expectNothingLost(scene);
    expect(calls - ROWS).toBeLessThanOrEqual(CONCURRENCY);
  });

  it('one is told to end in the middle: it finishes its calls, and no attempt is spent', async () => {
    const scene = await startScene();
    const [leaver] = scene.workers;
    expect(await leaver?.end('SIGTERM')).toBe(0);
    expect(await expectNothingLost(scene)).toBe(ROWS);
    const attempts = (await scene.workshop.stores.batches.status('crash'))?.attempts;
    expect(attempts).toBe(ROWS);
  });

  it('Redis is killed and started again: the workers wait for it and go on', async () => {
    const scene = await startScene();
    const { directory, redis } = scene.workshop;
    const status = await embeddedRedisStatus(directory);
    if (!status.running) throw new Error('no Redis is running');
    process.kill(status.pid, 'SIGKILL');
    const folder = join(directory, '.sluice', 'redis');
    await until('Redis to be gone', () => !isRunning(status.pid));
    spawn(redis.binary.path, [join(folder, 'redis.conf')], { cwd: folder, stdio: 'ignore', detached: true }).unref();
    const calls = await expectNothingLost(scene);
    expect(calls - ROWS).toBeLessThanOrEqual(2 * CONCURRENCY);
    expect(scene.workers.map((worker) => worker.child.exitCode)).toEqual([null, null]);
  });
});
