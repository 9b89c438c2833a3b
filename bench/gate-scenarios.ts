import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { request } from 'undici';
import type { z } from 'zod';
import { Config, type ConfigShape } from '../src/domain/config.ts';
import type { PromptJob, QueuedJob } from '../src/domain/job.ts';
import { Producer } from '../src/producer/producer.ts';
import type { LedgerSums, LedgerTotals } from '../src/sim/ledger.ts';
import type { SimProfilesInput } from '../src/sim/profiles.ts';
import { readGates } from '../src/store/gates/read.ts';
import { createKeys } from '../src/store/keys.ts';
import { type Child, startChild } from './children.ts';
import type { Laboratory } from './laboratory.ts';
import type { WorkerSettings } from './worker-process.ts';
import { LANE } from './workload.ts';

type ConfigInput = z.input<typeof ConfigShape>;

/** Four worker processes against a provider that does what providers do: limit, refuse, die. */

const PROCESSES = 4;
const CONCURRENCY = 25;
const LIMIT_PER_MINUTE = 6_000;
/** After a start, until the queue has come to rest. */
const SETTLING_SECONDS = 5;
const PRICE = { input: 0.15, output: 0.6 };
const LATENCY = { p50_ms: 200, p95_ms: 300 };

export const GATE_PROFILES: SimProfilesInput = {
  'gate/limited': {
    price: PRICE,
    latency: LATENCY,
    limits: { requests_per_minute: LIMIT_PER_MINUTE, burst_seconds: 1 },
  },
  'gate/stormy': { price: PRICE, latency: LATENCY },
  'gate/dead': { price: PRICE, latency: { p50_ms: 100, p95_ms: 150 }, errors: [{ status: 500, rate: 1 }] },
  'gate/alive': { price: PRICE, latency: { p50_ms: 100, p95_ms: 150 } },
};

function configOf(simUrl: string, models: ConfigInput['models'], more: Partial<ConfigInput> = {}): ConfigInput {
  return {
    providers: { sim: { base_url: simUrl, allow_private: true }, spare: { base_url: simUrl, allow_private: true } },
    models,
    routing: { strategy: 'order' },
    lanes: { [LANE]: { share: 1 } },
    ...more,
  };
}

/** How much of the provider's limit is used while jobs wait, and how much of what is asked is refused. */
export async function measureLimit(
  laboratory: Laboratory,
  { seconds, isConfigured }: { seconds: number; isConfigured: boolean },
): Promise<{ share: number; share429: number; deferralsPerJob: number }> {
  const limits = isConfigured ? { limits: { requests_per_minute: LIMIT_PER_MINUTE } } : {};
  const config = configOf(laboratory.simUrl, {
    limited: { provider: 'sim', id: 'gate/limited', price: PRICE, ...limits },
  });
  const jobs = (LIMIT_PER_MINUTE / 60) * (seconds + 2 * SETTLING_SECONDS) * 1.5;
  await using field = await openField(laboratory, config, jobs);
  await sleep(SETTLING_SECONDS * 1_000);
  const before = await field.calls('gate/limited');
  const startedAt = performance.now();
  await sleep(seconds * 1_000);
  const after = await field.calls('gate/limited');
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;
  const calls = after.calls - before.calls;
  return {
    share: round((after.answered - before.answered) / ((LIMIT_PER_MINUTE / 60) * elapsedSeconds)),
    share429: round((after.failed - before.failed) / calls, 5),
    deferralsPerJob: round(await field.deferralsPerJob(), 2),
  };
}

/** Every call is refused for so long: what do the jobs lose by it? */
export async function measureStorm(
  laboratory: Laboratory,
  { seconds }: { seconds: number },
): Promise<{ jobs: number; calls: number; attemptsSpent: number; failed: number }> {
  const config = configOf(laboratory.simUrl, { stormy: { provider: 'sim', id: 'gate/stormy', price: PRICE } });
  const jobs = 5_000;
  await setFaults(laboratory, []);
  await using field = await openField(laboratory, config, jobs);
  await sleep(SETTLING_SECONDS * 1_000);
  await setFaults(laboratory, ['gate/stormy=429']);
  const before = await field.calls('gate/stormy');
  await sleep(seconds * 1_000);
  const after = await field.calls('gate/stormy');
  await setFaults(laboratory, []);
  await field.untilDone();
  return { jobs, calls: after.calls - before.calls, ...(await field.endings()) };
}

/** A model that answers nothing but 500: how often is it asked once its circuit is open? */
export async function measureDeadProvider(laboratory: Laboratory): Promise<{ callsAfterOpen: number; bound: number }> {
  const config = configOf(
    laboratory.simUrl,
    {
      dead: { provider: 'sim', id: 'gate/dead', price: PRICE },
      alive: { provider: 'spare', id: 'gate/alive', price: PRICE },
    },
    { circuit: { cooldown: '2s', longest_cooldown: '2s' } },
  );
  await using field = await openField(laboratory, config, 10_000);
  const opened = await field.untilOpen('sim');
  const atOpening = await field.calls('gate/dead');
  await sleep(9_000);
  const after = await field.calls('gate/dead');
  const probes = Math.floor((Date.now() - opened.sinceMs) / 2_000) + 1;
  const callsAfterOpen = after.calls - atOpening.calls;
  return { callsAfterOpen, bound: probes + opened.inFlight };
}

type Field = AsyncDisposable & {
  calls(model: string): Promise<LedgerSums>;
  untilDone(): Promise<void>;
  untilOpen(provider: string): Promise<{ sinceMs: number; inFlight: number }>;
  endings(): Promise<{ attemptsSpent: number; failed: number }>;
  deferralsPerJob(): Promise<number>;
};

/** Jobs in the queue and workers at work on them. */
async function openField(laboratory: Laboratory, input: ConfigInput, jobs: number): Promise<Field> {
  await laboratory.clear();
  const config = Config.parse(input);
  const producer = new Producer({ config, redis: { path: laboratory.socketPath } });
  await producer.enqueueMany(promptJobs(jobs));
  const children = Array.from({ length: PROCESSES }, () => startChild('worker-process.ts'));
  const { socketPath, simUrl } = laboratory;
  const settings = { kind: 'sluice', socketPath, simUrl, concurrency: CONCURRENCY, config: input } as const;
  await Promise.all(children.map((child) => child.ask('start', settings satisfies WorkerSettings)));
  return fieldOf(laboratory, config, producer, children);
}

function fieldOf(laboratory: Laboratory, config: Config, producer: Producer, children: readonly Child[]): Field {
  const { redis, sim } = laboratory;
  const keys = createKeys(config.redis.prefix);
  const queue = new Queue<QueuedJob>(LANE, { connection: redis, prefix: keys.queues });

  async function untilDone(): Promise<void> {
    for (;;) {
      const { wait = 0, active = 0, delayed = 0 } = await queue.getJobCounts('wait', 'active', 'delayed');
      if (wait + active + delayed === 0) return;
      await sleep(100);
    }
  }

  return {
    async calls(model) {
      const totals = await sim.ask<LedgerTotals>('totals');
      return totals.by_model[model] ?? NO_CALLS;
    },
    untilDone,
    async untilOpen(provider) {
      for (;;) {
        const gates = await readGates(redis, keys);
        const circuit = gates.find((gate) => gate.provider === provider && gate.reason === 'circuit');
        const inFlight = gates.reduce(
          (sum, gate) => sum + (gate.provider === provider && gate.model ? gate.inflight : 0),
          0,
        );
        if (circuit) return { sinceMs: circuit.sinceMs ?? Date.now(), inFlight };
        await sleep(2);
      }
    },
    async endings() {
      const jobs = await queue.getJobs(['completed', 'failed']);
      const spent = jobs.reduce((sum, job) => sum + job.attemptsMade - 1, 0);
      return { attemptsSpent: spent, failed: await queue.getFailedCount() };
    },
    async deferralsPerJob() {
      const jobs = await queue.getJobs(['completed']);
      return jobs.reduce((sum, job) => sum + job.attemptsStarted - job.attemptsMade, 0) / jobs.length;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map((child) => child.stop()));
      await producer.close();
      await queue.close();
    },
  };
}

const NO_CALLS: LedgerSums = {
  calls: 0,
  answered: 0,
  failed: 0,
  aborted: 0,
  input_tokens: 0,
  output_tokens: 0,
  cost_nanos: 0,
};

async function setFaults({ simUrl }: Laboratory, rules: readonly string[]): Promise<void> {
  const { statusCode } = await request(new URL('/faults', simUrl), { method: 'PUT', body: JSON.stringify(rules) });
  if (statusCode !== 200) throw new Error(`the simulated provider refused the rules: ${rules.join(' ')}`);
}

function* promptJobs(count: number): Generator<PromptJob> {
  for (let row = 0; row < count; row += 1) yield { lane: LANE, max_tokens: 100, prompt: `Row ${row}: say hello.` };
}

function round(figure: number, digits = 3): number {
  return Number(figure.toFixed(digits));
}
