import { relative } from 'node:path';
import { Command } from 'commander';
import type { Config } from '../../domain/config.ts';
import { formatUsd, nanosToUsd } from '../../domain/money.ts';
import type { BatchSummary } from '../../domain/summary.ts';
import { Batches } from '../../producer/index.ts';
import { createKeys } from '../../store/keys.ts';
import { createUsageStream } from '../../store/usage-stream.ts';
import { type BatchInput, openBatchInput } from '../batch-input.ts';
import { collectResults, submitBatch, watchBatch } from '../batch-run.ts';
import { summaryLines } from '../batch-summary.ts';
import { readConfigFile } from '../config-file.ts';
import { bundledFile, type Context, contextOf, createLogger } from '../context.ts';
import { DEMO, startDemoProvider } from '../demo-provider.ts';
import { liveConfig, liveInput } from '../demo-live.ts';
import { EXIT } from '../failure.ts';
import { parseCount, parseSeed, parseUsd } from '../options.ts';
import { createProgressView } from '../progress.ts';
import { type OpenRedis, openRedis } from '../redis.ts';
import { untilInterrupted } from '../signals.ts';
import { startWorkerCrew } from '../worker-crew.ts';
import { WorkerPool } from '../../workers/index.ts';

type Flags = { json?: boolean; live?: boolean; workers: number; maxTotalUsd: number; seed: number };

/** What the demo runs against: simulated models in worker processes, or real ones in this process. */
type Stage = {
  config: Config;
  input: BatchInput;
  maxTotalUsd: number;
  /** How often the provider says that it was called; a real one does not say. */
  providerCalls: () => number | undefined;
  startWorkers(redis: OpenRedis): Promise<{ stop(): Promise<void> }>;
  close(): Promise<void>;
};

export const demoCommand = new Command('demo')
  .description('see it work: a batch of 176 prompts over five simulated models, with failures, fallbacks and a bill')
  .option('--live', 'call real models: those of sluice.yaml, or OpenRouter’s with OPENROUTER_API_KEY')
  .option('--max-total-usd <usd>', 'cap on what the batch may cost', parseUsd, 0.5)
  .option('--workers <n>', 'worker processes', parseCount, 2)
  .option('--seed <n>', 'of the simulated models', parseSeed, 1)
  .option('--json', 'print one JSON object in the end, and nothing else')
  .addHelpText('after', '\nExample: sluice demo --install-redis')
  .action(async (flags: Flags, command: Command) => {
    const context = contextOf(command);
    const stage = flags.live ? await liveStage(context, flags) : await simulatedStage(context, flags);
    try {
      process.exitCode = await runDemo(context, stage, flags);
    } finally {
      await stage.close();
    }
  });

async function runDemo(context: Context, stage: Stage, flags: Flags): Promise<number> {
  const { config, input } = stage;
  const redis = await openRedis(context, config.redis.url);
  const batches = new Batches({ config, redis: redis.target });
  const interruption = untilInterrupted();
  const startedAt = Date.now();
  try {
    const { id, total } = await submitBatch(context, config, batches, input, {
      // Each run is a batch of its own: the same content would be the same batch, and nothing would run twice.
      id: `demo-${startedAt.toString(36)}`,
      name: 'demo',
      lane: 'batch',
      defaults: {},
      anyModel: false,
      skipInvalid: false,
      maxTotalUsd: stage.maxTotalUsd,
    });
    if (!flags.json) introduce(context, config, total, flags);
    const view = createProgressView({ stream: process.stderr, quiet: flags.json ?? false });
    const workers = await stage.startWorkers(redis);
    await watchBatch(context, batches, id, view, interruption.signal).finally(() => workers.stop());
    const summary = await collectResults(config, batches, id, undefined);
    const usageRecords = await countRecords(redis, config, id, startedAt);
    const figures = { summary, usageRecords, providerCalls: stage.providerCalls(), durationMs: Date.now() - startedAt };
    if (flags.json) context.print(JSON.stringify(figuresJson(figures)));
    else for (const line of closingLines(context, figures, flags)) context.print(line);
    if (interruption.signal.aborted) return EXIT.interrupted;
    const agrees = figures.providerCalls === undefined || figures.providerCalls === usageRecords;
    return agrees && summary.failed + summary.open === 0 ? EXIT.ok : EXIT.someFailed;
  } finally {
    interruption.dispose();
    await batches.close();
    await redis.close();
  }
}

async function simulatedStage(context: Context, flags: Flags): Promise<Stage> {
  const sim = await startDemoProvider(flags.seed);
  const configFile = bundledFile(DEMO.config);
  const env = { SLUICE_SIM_URL: sim.url };
  return {
    config: readConfigFile(configFile, { ...context.env, ...env }),
    input: await openBatchInput(bundledFile(DEMO.batch)),
    maxTotalUsd: flags.maxTotalUsd,
    providerCalls: () => sim.ledger.totals().calls,
    startWorkers: async () =>
      startWorkerCrew({
        count: flags.workers,
        commandArguments: ['worker', '--config', configFile, '--log-level', context.debug ? 'debug' : 'error'],
        env,
        note: (line) => context.note(line),
      }),
    close: () => sim.stop(),
  };
}

async function liveStage(context: Context, flags: Flags): Promise<Stage> {
  const config = liveConfig(context);
  return {
    config,
    input: liveInput(await openBatchInput(bundledFile(DEMO.batch))),
    maxTotalUsd: flags.maxTotalUsd,
    providerCalls: () => undefined,
    async startWorkers(redis) {
      const pool = new WorkerPool({ config, redis: redis.target, logger: createLogger(context, 'error') });
      await pool.start();
      return pool;
    },
    close: async () => {},
  };
}

function introduce(context: Context, config: Config, total: number, flags: Flags): void {
  const models = Object.keys(config.models);
  const workers = flags.live ? 'this process as worker' : `${flags.workers} worker processes`;
  context.note(`${total} prompts of ${Object.keys(config.tasks).length} tasks -> ${workers} -> ${models.join(', ')}`);
  if (!flags.live) context.note('the models are simulated; some of their calls fail on purpose');
}

async function countRecords(redis: OpenRedis, config: Config, batchId: string, sinceMs: number): Promise<number> {
  const usage = createUsageStream(redis.redis, createKeys(config.redis.prefix));
  let count = 0;
  for await (const page of usage.read({ sinceMs: sinceMs - 1_000 })) {
    count += page.filter(({ record }) => isCall(record.outcome) && record.batch_id === batchId).length;
  }
  return count;
}

function isCall(outcome: string): boolean {
  return outcome !== 'cached' && outcome !== 'correction';
}

type Figures = { summary: BatchSummary; usageRecords: number; providerCalls: number | undefined; durationMs: number };

function figuresJson({ summary, usageRecords, providerCalls, durationMs }: Figures): object {
  return {
    rows: summary.rows,
    completed: summary.completed,
    failed: summary.failed,
    attempts: summary.attempts,
    fallbacks: summary.fallbacks,
    provider_calls: providerCalls ?? null,
    usage_records: usageRecords,
    cost_usd: nanosToUsd(summary.costNanos),
    duration_ms: durationMs,
  };
}

function closingLines(
  context: Context,
  { summary, usageRecords, providerCalls, durationMs }: Figures,
  flags: Flags,
): string[] {
  const lines = ['', ...summaryLines(summary, durationMs), ''];
  if (providerCalls !== undefined) {
    const verdict = providerCalls === usageRecords ? 'they agree' : 'THEY DIFFER';
    lines.push(`the provider counted ${providerCalls} calls, the usage stream has ${usageRecords} records: ${verdict}`);
  }
  if (flags.live) return [...lines, `paid ${formatUsd(summary.costNanos)}, capped at $${flags.maxTotalUsd}`];
  const config = relative(context.directory, bundledFile(DEMO.config));
  return [
    ...lines,
    '',
    'what to try next:',
    `  npx sluice usage --by model,task --config ${config}   what it cost, from the usage stream`,
    `  npx sluice board --config ${config}                   the queues, in a browser`,
    `  npx sluice route "Prove that 7 is prime" --task reasoning --config ${config}`,
    '  npx sluice init                                       a configuration of your own, then: npx sluice batch run FILE',
  ];
}
