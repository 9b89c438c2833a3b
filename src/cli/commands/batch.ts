import { Command } from 'commander';
import { priceWarnings } from '../../config/prices.ts';
import type { Config } from '../../domain/config.ts';
import type { BatchSummary } from '../../domain/summary.ts';
import { Batches } from '../../producer/index.ts';
import { toBatchId } from '../../store/batch-orders.ts';
import { InputError } from '../../domain/errors.ts';
import { type BatchInput, openBatchInput } from '../batch-input.ts';
import { type OutputPaths, demandWritable, openBatchOutput, outputPaths } from '../batch-output.ts';
import {
  cancelLine,
  cancellationJson,
  listLines,
  parkedLines,
  pauseLines,
  statusJson,
  statusLines,
} from '../batch-status.ts';
import { collectResults, submitBatch, watchBatch } from '../batch-run.ts';
import { summaryJson, summaryLines, totalLines } from '../batch-summary.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf, requireConfig } from '../context.ts';
import { EXIT } from '../failure.ts';
import { plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { parseCount, parseCountOrNone } from '../options.ts';
import { createProgressView } from '../progress.ts';
import { openRedis } from '../redis.ts';
import { endAtOnce, untilInterrupted } from '../signals.ts';
import { startWorkerCrew } from '../worker-crew.ts';
import { type SubmitFlags, toSubmitOptions, withSubmitFlags } from '../submit-flags.ts';

const ID = 'as batch list shows it, or as the API told it';

type RunFlags = SubmitFlags & { workers: number; concurrency?: number; out?: string; json?: boolean };

export const batchCommand = new Command('batch').description('run many prompts: submit, watch, collect');

withSubmitFlags(batchCommand.command('run'))
  .description('enqueue a file of prompts, show progress, write the results')
  .option('--workers <n>', 'worker processes to start for it; 0 leaves it to workers elsewhere', parseCountOrNone, 1)
  .option('--concurrency <n>', 'jobs at a time in each worker', parseCount)
  .option('--out <file>', 'results file (default: FILE with .results.jsonl; - for stdout); failed rows go beside it')
  .option('--json', 'print one JSON object in the end, and no progress')
  .addHelpText('after', `\nExample:\n  $ ${SLUICE} batch run prompts.jsonl --task coding --max-total-usd 5 --workers 2`)
  .action(async (file: string, flags: RunFlags, command: Command) => {
    process.exitCode = await runBatch(contextOf(command), file, flags);
  });

withSubmitFlags(batchCommand.command('submit'))
  .description('enqueue a file of prompts and return; workers elsewhere do the work')
  .option('--json', 'print one JSON object')
  .action(async (file: string, flags: SubmitFlags & { json?: boolean }, command: Command) => {
    const context = contextOf(command);
    await withInput(context, file, context, async (input, batches, config) => {
      const { id, isNew, total } = await submitBatch(context, config, batches, input, toSubmitOptions(flags));
      if (flags.json) context.print(JSON.stringify({ id, rows: total, is_new: isNew }));
      else {
        context.print(id);
        context.note(
          `${plural(total, 'row')} ${isNew ? 'enqueued' : 'submitted before; nothing runs twice'}; to watch: ${SLUICE} batch status ${id} --watch`,
        );
        context.note(`to run them: ${SLUICE} worker, here or on any machine with the same Redis`);
      }
    });
  });

batchCommand
  .command('status')
  .description('where a batch stands')
  .argument('<id>', ID, toBatchId)
  .option('--watch', 'follow it until it ends or is paused')
  .option('--json', 'print one JSON object')
  .action(async (id: string, flags: { watch?: boolean; json?: boolean }, command: Command) => {
    const context = contextOf(command);
    await withBatches(context, requireConfigWithoutKeys(context), async (batches) => {
      if (flags.watch) {
        const view = createProgressView({ stream: process.stderr, quiet: flags.json ?? false });
        const { signal } = untilInterrupted();
        await watchBatch(batches, id, view, signal);
        if (signal.aborted) process.exitCode = EXIT.interrupted;
      }
      const status = await batches.status(id);
      if (flags.watch && status.state === 'paused') process.exitCode = EXIT.paused;
      // The rows of a paused batch wait for it to be resumed, and those of one that was cancelled for nothing.
      const isGoingOn = status.state === 'running' || status.state === 'enqueueing';
      const parked = isGoingOn ? await batches.parked(id) : new Map<string, number>();
      if (flags.json) context.print(JSON.stringify({ ...statusJson(status), parked: Object.fromEntries(parked) }));
      else for (const line of [...statusLines(status), ...parkedLines(parked)]) context.print(line);
    });
  });

batchCommand
  .command('results')
  .description('write the results of a batch, finished or not')
  .argument('<id>', ID, toBatchId)
  .option('--out <file>', 'results file (- for stdout)', '-')
  .option('--json', 'print the summary as one JSON object (with --out FILE)')
  .action(async (id: string, flags: { out: string; json?: boolean }, command: Command) => {
    if (flags.json && flags.out === '-') throw new InputError('--json needs --out FILE: the results go to stdout');
    const context = contextOf(command);
    const paths = outputPaths('-', flags.out, id);
    demandWritable('-', paths);
    const config = requireConfigWithoutKeys(context);
    await withBatches(context, config, async (batches) => {
      // Before a file is opened for a batch that is not known.
      await batches.status(id);
      const summary = await writeResults(context, config, batches, id, paths);
      if (flags.json) context.print(JSON.stringify({ id, ...summaryJson(summary) }));
      else for (const line of totalLines(summary)) context.note(line);
      process.exitCode = exitCodeOfSummary(summary);
    });
  });

batchCommand
  .command('cancel')
  .description("end a batch's rows, and break off its calls under way; what has ended keeps its result")
  .argument('<id>', ID, toBatchId)
  .option('--json', 'print one JSON object')
  .action(async (id: string, flags: { json?: boolean }, command: Command) => {
    const context = contextOf(command);
    await withBatches(context, requireConfigWithoutKeys(context), async (batches) => {
      const ended = await batches.cancel(id);
      const status = await batches.status(id);
      const json = (): string => JSON.stringify({ ...statusJson(status), ...cancellationJson(ended) });
      context.print(flags.json ? json() : cancelLine(status, ended));
    });
  });

batchCommand
  .command('resume')
  .description('have the rows of a paused batch go on')
  .argument('<id>', ID, toBatchId)
  .option('--json', 'print one JSON object')
  .action(async (id: string, flags: { json?: boolean }, command: Command) => {
    const context = contextOf(command);
    await withBatches(context, requireConfigWithoutKeys(context), async (batches) => {
      const { wasPaused, released } = await batches.resume(id);
      if (flags.json) {
        const status = statusJson(await batches.status(id));
        context.print(JSON.stringify({ ...status, was_paused: wasPaused, released }));
        return;
      }
      context.print(
        wasPaused ? `${id}: resumed, ${plural(released, 'waiting row')} released` : `${id}: was not paused`,
      );
      if (wasPaused) context.note(`its rows need a worker: ${SLUICE} worker, or the batch run command that began it`);
    });
  });

batchCommand
  .command('list')
  .description('the newest batches')
  .option('--limit <n>', 'how many', parseCount, 20)
  .option('--json', 'print one JSON object a batch')
  .action(async (flags: { limit: number; json?: boolean }, command: Command) => {
    const context = contextOf(command);
    await withBatches(context, requireConfigWithoutKeys(context), async (batches) => {
      const statuses = await batches.list(flags.limit);
      if (flags.json) for (const status of statuses) context.print(JSON.stringify(statusJson(status)));
      else if (statuses.length === 0) context.note(`no batches yet; submit one with: ${SLUICE} batch run FILE`);
      else for (const line of listLines(statuses)) context.print(line);
    });
  });

/** Runs the file to its end. What is not finished when this process is interrupted stays in the queue. */
async function runBatch(context: Context, file: string, flags: RunFlags): Promise<number> {
  if (flags.json && flags.out === '-') throw new InputError('--json and --out - both want stdout; give --out a file');
  demandWritable(file, pathsOf(file, flags, 'id'));
  const view = createProgressView({ stream: process.stderr, quiet: flags.json ?? false });
  return withInput(context, file, view, async (input, batches, config, signal) => {
    const startedAt = Date.now();
    const { id, isNew, invalid } = await submitBatch(context, config, batches, input, toSubmitOptions(flags));
    if (!flags.json) context.note(isNew ? `batch ${id}` : `batch ${id} was submitted before; nothing runs twice`);
    const workers = startWorkerCrew({
      count: flags.workers,
      commandArguments: workerArguments(context, flags),
      note: (line) => view.note(line),
    });
    const announce = (): void => view.note(stoppingLine(config, flags));
    signal.addEventListener('abort', announce);
    const { state } = await watchBatch(batches, id, view, signal).finally(() => workers.stop());
    signal.removeEventListener('abort', announce);
    const summary = await writeResults(context, config, batches, id, pathsOf(file, flags, id));
    const durationMs = Date.now() - startedAt;
    if (flags.json) {
      const facts = { id, ...(state === 'paused' ? { state } : {}), ...summaryJson(summary) };
      context.print(JSON.stringify({ ...facts, set_aside: invalid, duration_ms: durationMs }));
    } else for (const line of ['', ...summaryLines(summary, durationMs)]) context.note(line);
    if (invalid > 0 && !flags.json) context.note(`set aside: ${plural(invalid, 'bad line')}`);
    if (summary.open === 0) return exitCodeOfSummary(summary);
    if (state === 'paused') {
      for (const line of pauseLines(await batches.status(id))) context.note(line);
      context.note(`${plural(summary.open, 'row')} open; once it is resumed, the same command goes on with the rest`);
      return EXIT.paused;
    }
    context.note(
      `still in the queue: ${plural(summary.open, 'row')}; the same command goes on with them, and so does any worker ` +
        `(then: ${SLUICE} batch results ${id})`,
    );
    return EXIT.interrupted;
  });
}

/** What becomes of the rows, in one line. */
function stoppingLine({ workers: { grace } }: Config, { workers }: RunFlags): string {
  const fate = workers === 0 ? 'the rows' : `calls under way get up to ${grace / 1_000} s, other rows`;
  return `stopping: ${fate} stay in the queue, where the same command finds them; Ctrl-C again leaves at once`;
}

/** Rows from stdin are answered on stdout, unless that is where the one JSON object goes. */
function pathsOf(file: string, { out, json }: RunFlags, id: string): OutputPaths {
  return outputPaths(file, out ?? (json && file === '-' ? `sluice-${id}.results.jsonl` : undefined), id);
}

function workerArguments(context: Context, flags: RunFlags): string[] {
  return [
    'worker',
    ...(context.configFile === undefined ? [] : ['--config', context.configFile]),
    '--log-level',
    context.debug ? 'debug' : 'error',
    ...(flags.concurrency === undefined ? [] : ['--concurrency', String(flags.concurrency)]),
  ];
}

async function writeResults(
  context: Context,
  config: Config,
  batches: Batches,
  id: string,
  paths: OutputPaths,
): Promise<BatchSummary> {
  const output = openBatchOutput(paths);
  const summary = await collectResults(config, batches, id, output);
  const { hasErrors } = await output.finish();
  if (paths.results !== '-')
    context.note(`results: ${paths.results}${hasErrors ? `, failed rows: ${paths.errors}` : ''}`);
  else if (hasErrors) context.note(`failed rows: ${paths.errors}`);
  return summary;
}

function exitCodeOfSummary(summary: BatchSummary): number {
  if ((summary.errors['BUDGET_EXCEEDED'] ?? 0) > 0) return EXIT.budget;
  return summary.failed > 0 ? EXIT.someFailed : EXIT.ok;
}

/**
 * From here on Ctrl-C ends the command in order: Redis is let go, and what was kept aside is removed. A second one ends
 * it at once, after a last line to `screen`.
 */
async function withInput<Value>(
  context: Context,
  file: string,
  screen: { note(line: string): void },
  use: (input: BatchInput, batches: Batches, config: Config, signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const config = requireConfig(context);
  for (const warning of priceWarnings(config)) screen.note(warning);
  const interruption = untilInterrupted(() => {
    screen.note('left at once: what was enqueued stays in the queue, and the same command goes on with it');
    endAtOnce();
  });
  const { signal } = interruption;
  const input = await openBatchInput(file, signal);
  try {
    return await withBatches(context, config, (batches) => use(input, batches, config, signal));
  } finally {
    await input.close();
    interruption.dispose();
  }
}

async function withBatches<Value>(
  context: Context,
  config: Config,
  use: (batches: Batches) => Promise<Value>,
): Promise<Value> {
  const redis = await openRedis(context, config.redis.url);
  const batches = new Batches({ config, redis: redis.target });
  try {
    return await use(batches);
  } finally {
    await batches.close();
    await redis.close();
  }
}
