import { setTimeout as pause } from 'node:timers/promises';
import { Producer } from '../../src/producer/producer.ts';
import type { Fault } from './fault.ts';
import { until, watchWhileNothingCanBeWritten } from './measures.ts';
import { canFillDisk } from './redis-server.ts';
import { type Scenario, defineFault } from './scenario.ts';
import type { Stage } from './stage.ts';
import type { WorkerProcess } from './worker-process.ts';

const WORKERS = 2;
const IN_FLIGHT = 8;
/** Less than a Redis without any data takes. */
const TOO_LITTLE_BYTES = 1_024;
/** Until calls that were admitted before have gone out. */
const SETTLE_DOWN_MS = 300;

const killedUnderLoad = (appendfsync: 'everysec' | 'always'): Scenario => ({
  name: `kill-redis-${appendfsync}`,
  // Redis puts a write off while a slow disk is still busy with the last second: killed just then, it has lost that.
  isShort: appendfsync === 'always',
  stage: () => ({ redis: { appendfsync } }),
  playWithinMs: 120_000,
  async play(stage, { short }) {
    const jobs = short ? 200 : 2_000;
    await stage.startWorkers(WORKERS);
    await stage.submit(jobs);
    for (const share of short ? [0.3] : [0.2, 0.4, 0.6, 0.8]) {
      await stage.untilCount(share * jobs);
      await stage.strike(IN_FLIGHT, { isForAll: true });
      await stage.server.killHard();
      await pause(short ? 500 : 2_000);
      await stage.server.restart();
    }
    return [];
  },
});

const outOfMemory: Scenario = {
  name: 'redis-oom',
  isShort: true,
  async play(stage, { short }) {
    const workers = await startUnderLoad(stage, short);
    await stage.strike(IN_FLIGHT, { isForAll: true });
    await stage.redis.config('SET', 'maxmemory', TOO_LITTLE_BYTES);
    const violations = await watch(stage, workers, short, /OOM|memory/);
    await stage.redis.config('SET', 'maxmemory', 0);
    return violations;
  },
};

const fullDisk: Scenario = {
  name: 'disk-full',
  isShort: true,
  async play(stage, { short }) {
    if (!(await canFillDisk())) return ['skipped: a full disk is made with prlimit, which is not here'];
    const workers = await startUnderLoad(stage, short);
    await stage.strike(IN_FLIGHT, { isForAll: true });
    await stage.server.fillDisk();
    await until('Redis to refuse writes', () => isRefusing(stage));
    const violations = await watch(stage, workers, short, /MISCONF|disk|AOF/);
    await stage.server.freeDisk();
    await until('Redis to take writes again', async () => !(await isRefusing(stage)));
    return violations;
  },
};

async function startUnderLoad(stage: Stage, short: boolean): Promise<WorkerProcess[]> {
  const jobs = short ? 200 : 2_000;
  const workers = await stage.startWorkers(WORKERS);
  await stage.submit(jobs);
  await stage.untilCount(0.3 * jobs);
  return workers;
}

async function watch(stage: Stage, workers: WorkerProcess[], short: boolean, reason: RegExp): Promise<string[]> {
  await pause(SETTLE_DOWN_MS);
  const [seen, told] = await Promise.all([
    watchWhileNothingCanBeWritten(stage, workers, short ? 1_500 : 15_000),
    tryToEnqueue(stage, reason),
  ]);
  return [...seen, ...told];
}

async function isRefusing({ redis }: Stage): Promise<boolean> {
  return redis.set('probe', 'x').then(
    () => false,
    (error: Error) => error.message.startsWith('MISCONF'),
  );
}

/** Whoever wants a job done meanwhile is told that it was not taken, and why. A job that was taken is not lost. */
async function tryToEnqueue(stage: Stage, reason: RegExp): Promise<string[]> {
  const redis = { url: `redis://127.0.0.1:${stage.server.port}` };
  const producer = new Producer({ config: stage.config, redis });
  try {
    const { id } = await producer.enqueue({ prompt: 'Is anybody there?' });
    stage.expect([id]);
    return [];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return reason.test(message) ? [] : [`a producer was told "${message}", which is not the reason`];
  } finally {
    await producer.close();
  }
}

export const REDIS_FAULTS: readonly Fault[] = [
  killedUnderLoad('always'),
  killedUnderLoad('everysec'),
  outOfMemory,
  fullDisk,
].map(defineFault);
