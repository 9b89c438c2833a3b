import { setTimeout as sleep } from 'node:timers/promises';
import { type JobsOptions, Queue } from 'bullmq';
import type { Config } from '../src/domain/config.ts';
import { Queues } from '../src/producer/queues.ts';
import { createKeys } from '../src/store/keys.ts';
import { startChild } from './children.ts';
import type { Laboratory } from './laboratory.ts';
import type { WorkerSettings, WorkerUsage } from './worker-process.ts';
import { BARE_PREFIX, benchConfig, LANE, queuedJob, type Task } from './workload.ts';

export type WorkerRunOptions = {
  kind: WorkerSettings['kind'];
  task: Task;
  concurrency: number;
  /** Jobs before the clock starts: connections open, code gets compiled. */
  warmUpJobs: number;
  /** Jobs while the clock runs. */
  jobs: number;
  /** Jobs that are still to be done when the clock stops: the end of a run is not its steady state. */
  coolDownJobs: number;
};

export type WorkerRun = {
  jobsPerSecond: number;
  workerCpuUsPerJob: number;
  redisCpuUsPerJob: number;
  /** Commands a job on the ledger's connection: Redis round trips beyond BullMQ's own. */
  ledgerCommandsPerJob: number;
};

type Reading = { atMs: number; left: number; redisCpuUs: number; worker: WorkerUsage };

const POLL_MS = 5;
const CHUNK = 500;
const LEDGER = 'sluice:ledger';

/** Preloads the queue, lets one worker process empty it, and checks that every job was done, and once. */
export async function runWorker(laboratory: Laboratory, options: WorkerRunOptions): Promise<WorkerRun> {
  const { kind, concurrency, warmUpJobs, jobs, coolDownJobs } = options;
  const { socketPath, simUrl, sim } = laboratory;
  await laboratory.clear();
  await sim.ask('answered');
  const config = benchConfig(simUrl);
  await using cleanup = new AsyncDisposableStack();
  const queues = cleanup.adopt(new Queues(laboratory.redis, config), (opened) => opened.close());
  const queue = kind === 'sluice' ? queues.get(LANE) : cleanup.adopt(bareQueue(laboratory), (opened) => opened.close());
  await preload(queue, options, config);

  const child = cleanup.adopt(startChild('worker-process.ts'), (started) => started.stop());
  await child.ask('start', { kind, socketPath, simUrl, concurrency } satisfies WorkerSettings);
  const read = async (left: number): Promise<Reading> => ({
    atMs: performance.now(),
    left,
    worker: await child.ask<WorkerUsage>('usage'),
    redisCpuUs: await laboratory.redisCpuUs(),
  });
  const first = await read(await waitUntilLeft(queue, jobs + coolDownJobs));
  const last = await read(await waitUntilLeft(queue, coolDownJobs));
  await waitUntilLeft(queue, 0);
  await confirmExact(laboratory, kind, warmUpJobs + jobs + coolDownJobs, config);
  return toRun(first, last);
}

function toRun(first: Reading, last: Reading): WorkerRun {
  const jobs = first.left - last.left;
  const ledgerCommands = (last.worker.commands[LEDGER] ?? 0) - (first.worker.commands[LEDGER] ?? 0);
  return {
    jobsPerSecond: (jobs / (last.atMs - first.atMs)) * 1_000,
    workerCpuUsPerJob: (last.worker.cpuUs - first.worker.cpuUs) / jobs,
    redisCpuUsPerJob: (last.redisCpuUs - first.redisCpuUs) / jobs,
    ledgerCommandsPerJob: ledgerCommands / jobs,
  };
}

function bareQueue({ redis }: Laboratory): Queue {
  return new Queue(LANE, { connection: redis, prefix: BARE_PREFIX });
}

/** The same data and options for both: those with which the producer enqueues. */
async function preload(queue: Queue, options: WorkerRunOptions, config: Config): Promise<void> {
  const total = options.warmUpJobs + options.jobs + options.coolDownJobs;
  const opts: JobsOptions = { attempts: config.routing.max_attempts, backoff: { type: 'sluice' }, stackTraceLimit: 0 };
  for (let row = 0; row < total; row += CHUNK) {
    const size = Math.min(CHUNK, total - row);
    await queue.addBulk(
      Array.from({ length: size }, (_, index) => ({
        name: options.task,
        data: queuedJob(row + index, options.task, config),
        opts: { ...opts, jobId: `j-${row + index}` },
      })),
    );
  }
}

/** Resolves with the number of jobs that are not done, as soon as it is `left` or less. */
async function waitUntilLeft(queue: Queue, left: number): Promise<number> {
  for (;;) {
    const { wait = 0, active = 0, delayed = 0 } = await queue.getJobCounts('wait', 'active', 'delayed');
    const found = wait + active + delayed;
    if (found <= left) return found;
    await sleep(POLL_MS);
  }
}

async function confirmExact(
  { sim, redis }: Laboratory,
  kind: WorkerSettings['kind'],
  total: number,
  config: Config,
): Promise<void> {
  const answered = await sim.ask<number>('answered');
  if (answered !== total) throw new Error(`${kind}: ${total} jobs made ${answered} calls`);
  if (kind === 'bare') return;
  const keys = createKeys(config.redis.prefix);
  const [records, open] = await Promise.all([redis.xlen(keys.usage), redis.hlen(keys.open)]);
  if (records !== total || open !== 0) {
    throw new Error(`sluice: ${total} jobs left ${records} usage records and ${open} open attempts`);
  }
}
