import { rowJobId } from '../../src/domain/row-id.ts';
import { DEADLY } from './deadly-prompt.ts';
import type { Fault } from './fault.ts';
import type { Patch } from './load-patches.ts';
import { until } from './measures.ts';
import { type Scenario, defineFault } from './scenario.ts';
import type { Stage } from './stage.ts';

/** Jobs that cannot be done, whatever is tried: each must end among the dead letters, and hinder no other. */

const WORKERS = 2;
/** Of the speed without poison. */
const LEAST_SPEED = 0.7;
/** Workers that one job may end, before it is given up. */
const MOST_DEATHS = 5;
const DEADLY_ROW = 20;
const DEADLY_PROMPT = new URL('deadly-prompt.ts', import.meta.url).href;

/** What is done to a job while it waits, by its row. */
const POISONS = new Map<number, (stage: Stage, key: string) => Promise<unknown>>([
  [10, (stage, key) => stage.redis.hset(key, 'data', '{bad json')],
  [20, (stage, key) => stage.redis.del(key)],
  [30, (stage, key) => stage.redis.hset(key, 'data', '{"hello":"there"}')],
  [40, (stage, key) => stage.redis.hset(key, 'data', 'null')],
]);

/** It looks so rarely that a short run would do nothing but wait for it. */
const HASTY_JANITOR: Patch = {
  file: 'src/workers/janitor.ts',
  find: 'const EVERY_MS = 30_000;',
  replace: 'const EVERY_MS = 500;',
};

const payloads: Scenario = {
  name: 'poison-payloads',
  isShort: true,
  // It compares speeds.
  isHeavy: true,
  async play(stage, { short }) {
    const jobs = short ? 150 : 1_500;
    await stage.startWorkers(WORKERS, { patches: short ? [HASTY_JANITOR] : [] });
    const cleanIds = await submitPaused(stage, jobs, 'clean');
    const cleanMs = await timeToEnd(stage, cleanIds);
    const ids = await submitPaused(stage, jobs, 'poisoned');
    for (const [row, poison] of POISONS) await poison(stage, stage.queue.toKey(rowJobId('poisoned', row)));
    const otherIds = ids.filter((_, row) => !POISONS.has(row));
    const speed = cleanMs / (await timeToEnd(stage, otherIds));
    return speed < LEAST_SPEED ? [`beside poison, jobs went at ${Math.round(100 * speed)} % of their speed`] : [];
  },
  verify: (stage) =>
    missingDeadLetters(
      stage,
      [...POISONS.keys()].map((row) => rowJobId('poisoned', row)),
    ),
};

const deadlyPrompt: Scenario = {
  name: 'poison-kills-worker',
  isShort: true,
  // How often a job may stall does not depend on how long that takes.
  stage: () => ({ config: { workers: { lock: '600ms', grace: '5s' } } }),
  async play(stage, { short }) {
    const count = short ? 60 : 600;
    let deaths = 0;
    const over = new AbortController();
    const preloads = [DEADLY_PROMPT];
    const keepUp = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const worker = await stage.startWorker({ preloads });
        await worker.exited;
        if (over.signal.aborted) return;
        deaths += 1;
        await stage.strike(worker.concurrency);
      }
    };
    const keepers = Promise.allSettled(Array.from({ length: WORKERS }, keepUp));
    await stage.submit(
      Array.from({ length: count }, (_, row) => ({ prompt: row === DEADLY_ROW ? DEADLY : `Row ${row}, please.` })),
    );
    try {
      await stage.untilCount(count, 40_000);
    } finally {
      over.abort();
      await Promise.all(stage.workers.map((worker) => worker.stop()));
      await keepers;
    }
    return deaths > MOST_DEATHS ? [`one job ended ${deaths} workers before it was given up`] : [];
  },
  verify: (stage) => missingDeadLetters(stage, [rowJobId('rows', DEADLY_ROW)]),
};

/** All at once into a queue that is stopped meanwhile. */
async function submitPaused(stage: Stage, jobs: number, id: string): Promise<string[]> {
  await stage.queue.pause();
  return stage.submit(jobs, { id });
}

async function timeToEnd(stage: Stage, ids: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  await stage.queue.resume();
  const keys = ids.map((id) => stage.keys.result(id));
  await until('the jobs to end', async () => (await stage.redis.exists(...keys)) === ids.length, 60_000);
  return performance.now() - startedAt;
}

/** These jobs must have failed and lie among the dead letters, and no others. */
async function missingDeadLetters(stage: Stage, poisoned: readonly string[]): Promise<string[]> {
  const { results } = await stage.books();
  const dead = new Set(await stage.redis.zrange(stage.keys.dead, '0', '-1'));
  const missing = poisoned.filter((id) => !dead.has(id));
  const alive = poisoned.filter((id) => results.get(id)?.status !== 'failed');
  const innocent = [...results.values()].filter(
    ({ status, job_id: id }) => status === 'failed' && !poisoned.includes(id),
  );
  return [
    ...missing.map((id) => `${id} is not among the dead letters`),
    ...alive.map((id) => `${id} has not ended as failed`),
    ...innocent.map(({ job_id: id }) => `${id} failed, which was not poisoned`),
  ];
}

export const POISON_FAULTS: readonly Fault[] = [payloads, deadlyPrompt].map(defineFault);
