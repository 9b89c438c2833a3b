import { relative } from 'node:path';
import { Command } from 'commander';
import type { Config } from '../../domain/config.ts';
import { formatUsd, nanosToUsd, usdToNanos } from '../../domain/money.ts';
import type { BatchSummary } from '../../domain/summary.ts';
import { Batches } from '../../producer/index.ts';
import { createKeys } from '../../store/keys.ts';
import { createUsageStream } from '../../store/usage-stream.ts';
import { collectResults, submitBatch, watchBatch } from '../batch-run.ts';
import { summaryLines } from '../batch-summary.ts';
import { bundledFile, type Context, contextOf } from '../context.ts';
import { DEMO } from '../demo-provider.ts';
import { liveConfig } from '../demo-live.ts';
import { type Stage, cancelEarlierDemos, liveStage, simulatedStage } from '../demo-stage.ts';
import { EXIT } from '../failure.ts';
import { SLUICE } from '../invocation.ts';
import { parseCount, parseSeed, parseUsd } from '../options.ts';
import { createProgressView } from '../progress.ts';
import { type OpenRedis, openRedis } from '../redis.ts';
import { untilInterrupted } from '../signals.ts';

const STOPPING = 'stopping: the rows that are left are cancelled; Ctrl-C again leaves at once';

type Flags = { json?: boolean; live?: boolean; workers: number; maxTotalUsd: number; seed: number };

export const demoCommand = new Command('demo')
  .description('see it work: a batch of 176 prompts over five simulated models, with failures, fallbacks and a bill')
  .option('--live', "call real models: those of sluice.yaml, or OpenRouter's with OPENROUTER_API_KEY")
  .option('--max-total-usd <usd>', 'cap on what the batch may cost', parseUsd, 0.5)
  .option('--workers <n>', 'worker processes', parseCount, 2)
  .option('--seed <n>', 'of the simulated models', parseSeed, 1)
  .option('--json', 'print one JSON object in the end, and nothing else')
  .addHelpText('after', `\nExample:\n  $ ${SLUICE} demo --install-redis`)
  .action(async (flags: Flags, command: Command) => {
    const context = contextOf(command);
    process.exitCode = await runDemo(context, flags);
  });

async function runDemo(context: Context, flags: Flags): Promise<number> {
  const interruption = untilInterrupted();
  const { signal } = interruption;
  const live = flags.live ? liveConfig(context) : undefined;
  const redis = await openRedis(context, live?.redis.url);
  try {
    const surroundings = { context, redis, signal };
    const stage = live ? await liveStage(surroundings, live) : await simulatedStage(surroundings, flags);
    try {
      return await play(context, stage, redis, flags, signal);
    } finally {
      await stage.close();
    }
  } finally {
    await redis.close();
    interruption.dispose();
  }
}

async function play(
  context: Context,
  stage: Stage,
  redis: OpenRedis,
  flags: Flags,
  signal: AbortSignal,
): Promise<number> {
  const { config, input } = stage;
  const batches = new Batches({ config, redis: redis.target });
  const startedAt = Date.now();
  try {
    await cancelEarlierDemos(batches);
    const { id, total } = await submitBatch(context, config, batches, input, {
      // Each run is a batch of its own: the same content would be the same batch, and nothing would run twice.
      id: `demo-${startedAt.toString(36)}`,
      name: 'demo',
      lane: 'batch',
      defaults: {},
      anyModel: false,
      skipInvalid: false,
      maxTotalUsd: flags.maxTotalUsd,
    });
    if (!flags.json) introduce(context, config, total, flags);
    const view = createProgressView({ stream: process.stderr, quiet: flags.json ?? false });
    const workers = await stage.startWorkers((line) => view.note(line));
    if (!flags.json) signal.addEventListener('abort', () => view.note(STOPPING));
    await watchBatch(batches, id, view, signal).finally(() => workers.stop());
    // Nobody goes on with a demo: its models go with it.
    if (signal.aborted) await batches.cancel(id);
    const summary = await collectResults(config, batches, id, undefined);
    const usageRecords = await countRecords(redis, config, id, startedAt);
    const figures = { summary, usageRecords, providerCalls: stage.providerCalls(), durationMs: Date.now() - startedAt };
    if (flags.json) context.print(JSON.stringify(figuresJson(figures)));
    else for (const line of closingLines(context, figures, stage, flags)) context.print(line);
    if (signal.aborted) return EXIT.interrupted;
    const agrees = figures.providerCalls === undefined || figures.providerCalls === usageRecords;
    return agrees && summary.failed + summary.open === 0 ? EXIT.ok : EXIT.someFailed;
  } finally {
    await batches.close();
  }
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
  { environment }: Stage,
  flags: Flags,
): string[] {
  const lines = ['', ...summaryLines(summary, durationMs), ''];
  if (providerCalls !== undefined) {
    const verdict = providerCalls === usageRecords ? 'they agree' : 'THEY DIFFER';
    lines.push(`the provider counted ${providerCalls} calls, the usage stream has ${usageRecords} records: ${verdict}`);
  }
  if (flags.live)
    return [...lines, `paid ${formatUsd(summary.costNanos)}, capped at ${formatUsd(usdToNanos(flags.maxTotalUsd))}`];
  return [...lines, '', 'what to try next:', ...nextLines(context, environment)];
}

function nextLines(context: Context, environment: string): string[] {
  const config = `--config ${relative(context.directory, bundledFile(DEMO.config))}`;
  const commands: [string, string][] = [
    [`${environment}${SLUICE} usage --by model,task ${config}`, 'what it cost, from the usage stream'],
    [`${environment}${SLUICE} board ${config}`, 'the queues, in a browser'],
    [`${SLUICE} route "Is 7 prime?" --task reasoning ${config}`, 'who would be asked, and why'],
    [`${SLUICE} init`, `a configuration of your own, then: ${SLUICE} batch run FILE`],
  ];
  const width = Math.max(...commands.map(([command]) => command.length));
  return commands.map(([command, purpose]) => `  ${command.padEnd(width)}   ${purpose}`);
}
