import { type EnqueueRun, type EnqueueSettings } from './enqueue-process.ts';
import { startChild } from './children.ts';
import { type Figure, figureOf, pluck, ratioOf } from './figures.ts';
import type { Laboratory } from './laboratory.ts';
import { benchRoute, type RouteBenchRow } from './route.ts';
import { runWorker, type WorkerRun, type WorkerRunOptions } from './throughput.ts';
import { SLOW_LATENCY_MS } from './workload.ts';

/** What is measured, and how often. Whatever is compared is run in turns, one right after the other. */

export const PARTS = ['worker', 'ideal', 'enqueue', 'stream', 'route'] as const;
export type Part = (typeof PARTS)[number];

export type Effort = {
  rounds: number;
  worker: Pick<WorkerRunOptions, 'concurrency' | 'warmUpJobs' | 'jobs' | 'coolDownJobs'>;
  ideal: Pick<WorkerRunOptions, 'concurrency' | 'warmUpJobs' | 'jobs' | 'coolDownJobs'>;
  enqueueRows: number;
  streamRows: number;
};

export const FULL: Effort = {
  rounds: 5,
  worker: { concurrency: 50, warmUpJobs: 10_000, jobs: 15_000, coolDownJobs: 500 },
  ideal: { concurrency: 1_000, warmUpJobs: 3_000, jobs: 8_000, coolDownJobs: 2_000 },
  enqueueRows: 30_000,
  streamRows: 200_000,
};

export const QUICK: Effort = {
  rounds: 2,
  worker: { concurrency: 50, warmUpJobs: 3_000, jobs: 4_000, coolDownJobs: 500 },
  ideal: { concurrency: 1_000, warmUpJobs: 1_000, jobs: 3_000, coolDownJobs: 1_000 },
  enqueueRows: 5_000,
  streamRows: 20_000,
};

export type Measured = {
  worker?: { bare: WorkerRun[]; sluice: WorkerRun[]; ratio: Figure };
  /** Shares of the ideal rate: concurrency / latency. */
  ideal?: { bare: Figure; sluice: Figure };
  enqueue?: { bare: Figure; sluice: Figure; ratio: Figure };
  stream?: { rows: number; rssMb: Figure; rowsPerSecond: Figure };
  route?: { models: RouteBenchRow['models']; p50Us: Figure; p99Us: Figure }[];
};

export async function measure(laboratory: Laboratory, effort: Effort, parts: readonly Part[]): Promise<Measured> {
  const measured: Measured = {};
  if (parts.includes('worker')) measured.worker = await measureWorker(laboratory, effort);
  if (parts.includes('ideal')) measured.ideal = await measureIdeal(laboratory, effort);
  if (parts.includes('enqueue')) measured.enqueue = await measureEnqueue(laboratory, effort);
  if (parts.includes('stream')) measured.stream = await measureStream(laboratory, effort);
  if (parts.includes('route')) measured.route = measureRoute(effort);
  return measured;
}

async function measureWorker(laboratory: Laboratory, effort: Effort): Promise<NonNullable<Measured['worker']>> {
  const { bare, sluice } = await inTurns(effort.rounds, (kind) =>
    runWorker(laboratory, { kind, task: 'simple', ...effort.worker }),
  );
  return { bare, sluice, ratio: ratioOf(sluice, bare, (run) => run.jobsPerSecond) };
}

async function measureIdeal(laboratory: Laboratory, effort: Effort): Promise<NonNullable<Measured['ideal']>> {
  const ideal = (effort.ideal.concurrency * 1_000) / SLOW_LATENCY_MS;
  const { bare, sluice } = await inTurns(effort.rounds, (kind) =>
    runWorker(laboratory, { kind, task: 'slow', ...effort.ideal }),
  );
  const share = (runs: readonly WorkerRun[]): Figure => pluck(runs, (run) => run.jobsPerSecond / ideal);
  return { bare: share(bare), sluice: share(sluice) };
}

async function measureEnqueue(laboratory: Laboratory, effort: Effort): Promise<NonNullable<Measured['enqueue']>> {
  const { bare, sluice } = await inTurns(effort.rounds, (kind) => runEnqueue(laboratory, kind, effort.enqueueRows));
  return { bare: pluck(bare, rowsRate), sluice: pluck(sluice, rowsRate), ratio: ratioOf(sluice, bare, rowsRate) };
}

function rowsRate(run: EnqueueRun): number {
  return run.rowsPerSecond;
}

async function measureStream(laboratory: Laboratory, { streamRows }: Effort): Promise<NonNullable<Measured['stream']>> {
  const run = await runEnqueue(laboratory, 'sluice', streamRows);
  return { rows: streamRows, rssMb: figureOf([run.peakRssMb]), rowsPerSecond: figureOf([run.rowsPerSecond]) };
}

function measureRoute({ rounds }: Effort): NonNullable<Measured['route']> {
  const rows = Array.from({ length: rounds }, () => benchRoute()).flat();
  return [...Map.groupBy(rows, (row) => row.models)].map(([models, group]) => ({
    models,
    p50Us: pluck(group, (row) => row.p50Us),
    p99Us: pluck(group, (row) => row.p99Us),
  }));
}

type Kind = WorkerRunOptions['kind'];

async function inTurns<Run>(rounds: number, run: (kind: Kind) => Promise<Run>): Promise<Record<Kind, Run[]>> {
  const runs: Record<Kind, Run[]> = { bare: [], sluice: [] };
  for (let round = 0; round < rounds; round += 1) {
    // Each goes first as often as the other.
    const order: Kind[] = round % 2 === 0 ? ['bare', 'sluice'] : ['sluice', 'bare'];
    for (const kind of order) runs[kind].push(await run(kind));
  }
  return runs;
}

async function runEnqueue(laboratory: Laboratory, kind: Kind, rows: number): Promise<EnqueueRun> {
  await laboratory.clear();
  const child = startChild('enqueue-process.ts');
  try {
    return await child.ask<EnqueueRun>('enqueue', {
      kind,
      socketPath: laboratory.socketPath,
      rows,
    } satisfies EnqueueSettings);
  } finally {
    await child.stop();
  }
}
