import type { Config } from '../domain/config.ts';
import { Batches } from '../producer/index.ts';
import { WorkerPool } from '../workers/index.ts';
import { type BatchInput, openBatchInput } from './batch-input.ts';
import { loadConfig } from '../config/config-file.ts';
import { bundledFile, type Context, createLogger } from './context.ts';
import { liveInput } from './demo-live.ts';
import { DEMO, startDemoProvider } from './demo-provider.ts';
import type { OpenRedis } from './redis.ts';
import { startWorkerCrew } from './worker-crew.ts';

/** What the demo runs against: simulated models in worker processes, or real ones in this process. */
export type Stage = {
  config: Config;
  input: BatchInput;
  /** What has to stand before a command for it to see this run; empty unless another demo had the usual place. */
  environment: string;
  /** How often the provider says that it was called; a real one does not say. */
  providerCalls: () => number | undefined;
  startWorkers(note: (line: string) => void): Promise<{ stop(): Promise<void> }>;
  close(): Promise<void>;
};

type Surroundings = { context: Context; redis: OpenRedis; signal: AbortSignal };

/** Names the place where a demo keeps its queues and its bill; `examples/demo/sluice.yaml` reads it. */
const RUN_VARIABLE = 'SLUICE_DEMO_RUN';

export async function simulatedStage(
  { context, redis, signal }: Surroundings,
  { workers, seed }: { workers: number; seed: number },
): Promise<Stage> {
  const place = (await isAnotherDemoRunning(redis)) ? `sluice-demo-${Date.now().toString(36)}` : undefined;
  const sim = await startDemoProvider(seed);
  const configFile = bundledFile(DEMO.config);
  const env = { SLUICE_SIM_URL: sim.url, ...(place === undefined ? {} : { [RUN_VARIABLE]: place }) };
  const config = loadConfig(configFile, { ...context.env, ...env });
  return {
    config,
    input: await openBatchInput(bundledFile(DEMO.batch), signal),
    environment: place === undefined ? '' : `${RUN_VARIABLE}=${place} `,
    providerCalls: () => sim.ledger.totals().calls,
    async startWorkers(note) {
      return startWorkerCrew({
        count: workers,
        commandArguments: ['worker', '--config', configFile, '--log-level', context.debug ? 'debug' : 'error'],
        env,
        note,
      });
    },
    close: () => sim.stop(),
  };
}

export async function liveStage({ context, redis, signal }: Surroundings, config: Config): Promise<Stage> {
  return {
    config,
    input: liveInput(await openBatchInput(bundledFile(DEMO.batch), signal)),
    environment: '',
    providerCalls: () => undefined,
    async startWorkers() {
      const pool = new WorkerPool({ config, redis: redis.target, logger: createLogger(context, 'error') });
      await pool.start();
      return pool;
    },
    close: async () => {},
  };
}

/** Takes the rows of demos that were killed out of the queue: they would be asked of a provider that has gone. */
export async function cancelEarlierDemos(batches: Batches): Promise<void> {
  for (const { id, state } of await batches.list(10)) {
    if (id.startsWith('demo-') && (state === 'running' || state === 'enqueueing')) await batches.cancel(id);
  }
}

const CLIENT_NAME = 'sluice:demo';

/**
 * Each demo has a simulated provider of its own, and the workers of one must not take the rows of another. The name of
 * a connection is a claim that ends with its process; of two that claim at once, both give way.
 */
async function isAnotherDemoRunning({ redis }: OpenRedis): Promise<boolean> {
  await redis.client('SETNAME', CLIENT_NAME);
  const clients = String(await redis.client('LIST'));
  return clients.split('\n').filter((line) => line.includes(` name=${CLIENT_NAME} `)).length > 1;
}
