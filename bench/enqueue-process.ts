import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { Producer } from '../src/producer/producer.ts';
import { serveParent } from './children.ts';
import { BARE_PREFIX, benchConfig, LANE, promptJob, promptJobs, queuedJob } from './workload.ts';

/** One producing process: Sluice's own, or `addBulk` by itself with the same data. */

export type EnqueueSettings = { kind: 'bare' | 'sluice'; socketPath: string; rows: number };
export type EnqueueRun = { rowsPerSecond: number; peakRssMb: number };

const CHUNK = 500;
const UNUSED_URL = 'http://127.0.0.1:9/v1';

serveParent(
  {
    async enqueue({ kind, socketPath, rows }: EnqueueSettings): Promise<EnqueueRun> {
      const elapsedMs = await (kind === 'bare' ? enqueueBare : enqueueSluice)(socketPath, rows);
      return { rowsPerSecond: (rows / elapsedMs) * 1_000, peakRssMb: process.resourceUsage().maxRSS / 1_024 };
    },
  },
  async () => {},
);

async function enqueueSluice(path: string, rows: number): Promise<number> {
  await using producer = new Producer({ config: benchConfig(UNUSED_URL), redis: { path }, lane: LANE });
  await producer.enqueue(promptJob(0));
  return await clock(async () => {
    const { enqueued } = await producer.enqueueMany(promptJobs(rows));
    if (enqueued !== rows) throw new Error(`${enqueued} of ${rows} rows were enqueued`);
  });
}

async function enqueueBare(path: string, rows: number): Promise<number> {
  const config = benchConfig(UNUSED_URL);
  const redis = new Redis(path, { maxRetriesPerRequest: null });
  const queue = new Queue(LANE, { connection: redis, prefix: BARE_PREFIX });
  await queue.add('-', queuedJob(0, 'simple', config));
  const elapsedMs = await clock(async () => {
    for (let row = 0; row < rows; row += CHUNK) {
      const size = Math.min(CHUNK, rows - row);
      const data = queuedJob(0, 'simple', config);
      await queue.addBulk(
        Array.from({ length: size }, (_, index) => ({
          name: 'simple',
          data: { ...data, prompt: promptJob(row + index).prompt },
          opts: { attempts: 4 },
        })),
      );
    }
  });
  await queue.close();
  redis.disconnect();
  return elapsedMs;
}

async function clock(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
