import { Command, InvalidArgumentError, Option } from 'commander';
import { DISPOSITIONS, type ErrorCode, InputError } from '../../domain/errors.ts';
import { suggestion } from '../../domain/issues.ts';
import { type DeadLetterFilter, DeadLetters, type RetryOutcome } from '../../producer/dead-letters.ts';
import type { DeadLetter } from '../../store/dead-letters.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { detailFacts, detailLines, letterFacts, letterLines, retryLines } from '../dead-letter-view.ts';
import { EXIT } from '../failure.ts';
import { plural, styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { parseCount } from '../options.ts';
import { openRedis } from '../redis.ts';

type FilterFlags = { batch?: string; code?: ErrorCode; task?: string };
type ListFlags = FilterFlags & { limit: number; json?: boolean };
type RetryFlags = FilterFlags & { all?: boolean; dryRun?: boolean; json?: boolean };

export const dlqCommand = new Command('dlq').description('jobs that failed: look at them, run them once more');

withFilter(dlqCommand.command('list'))
  .description('the newest first')
  .option('--limit <n>', 'so many at the most', parseCount, 50)
  .option('--json', 'print one JSON object')
  .action(async (flags: ListFlags, command: Command) => {
    const context = contextOf(command);
    await withLetters(context, async (letters) => {
      const found = await collect(letters.find(filterOf(flags)), flags.limit);
      const total = await letters.count();
      if (flags.json) context.print(JSON.stringify({ total, jobs: found.map(letterFacts) }));
      else if (found.length === 0) context.note(total === 0 ? 'no failed jobs' : 'no failed jobs that match');
      else for (const line of letterLines(found, bold, process.stdout.columns)) context.print(line);
    });
  });

dlqCommand
  .command('show')
  .description('all that is known of a job')
  .argument('<id>', "a job's id; with --batch also a row's own")
  .option('--batch <id>', 'the batch that the row is of')
  .option('--prompt', 'with the texts of the prompt, which are otherwise shown by their length')
  .option('--json', 'print one JSON object')
  .action(async (id: string, flags: { batch?: string; prompt?: boolean; json?: boolean }, command: Command) => {
    const context = contextOf(command);
    await withLetters(context, async (letters) => {
      for (const letter of await letters.named([id], flags.batch)) {
        const details = await letters.details(letter);
        if (flags.json) context.print(JSON.stringify(detailFacts(details, flags.prompt ?? false)));
        else for (const line of detailLines(details, flags.prompt ?? false)) context.print(line);
      }
    });
  });

withFilter(dlqCommand.command('retry'))
  .description('put failed jobs back into the queue')
  .argument('[ids...]', "jobs' ids; with --batch also rows' own")
  .option('--all', 'all failed jobs')
  .option('--dry-run', 'only say which')
  .option('--json', 'print one JSON object')
  .addHelpText(
    'after',
    `
A job is run anew, under its old id: on all models, with all its attempts, its
deadline from now on. What its earlier attempts cost stays paid and counted.

Examples:
  $ ${SLUICE} dlq retry --batch b-7ccf3073a9581045
  $ ${SLUICE} dlq retry --code PROVIDER_OVERLOADED --dry-run
  $ ${SLUICE} dlq retry q-17 q-18 --batch b-7ccf3073a9581045`,
  )
  .action(async (ids: string[], flags: RetryFlags, command: Command) => {
    demandOneChoice(ids, flags);
    const context = contextOf(command);
    await withLetters(context, async (letters) => {
      const finished = flags.dryRun ? [] : await letters.finishRevivals();
      if (finished.length > 0) context.note(`${plural(finished.length, 'job')} put back whose retry had been cut off`);
      const putBack = new Set(finished.flatMap(({ jobId, rowId }) => [jobId, rowId]));
      const asked = ids.filter((id) => !putBack.has(id));
      const chosen =
        ids.length > 0 ? await letters.named(asked, flags.batch) : await collect(letters.find(filterOf(flags)));
      if (flags.dryRun) describe(context, chosen, flags.json ?? false);
      else await retry(context, letters, chosen, flags.json ?? false);
    });
  });

function withFilter(command: Command): Command {
  return command
    .option('--batch <id>', 'only rows of this batch')
    .addOption(new Option('--code <code>', 'only those that failed with this code').argParser(parseCode))
    .option('--task <task>', 'only those of this task');
}

function describe(context: Context, chosen: readonly DeadLetter[], json: boolean): void {
  if (json) context.print(JSON.stringify({ would_retry: chosen.map(({ jobId }) => jobId) }));
  else {
    if (chosen.length > 0) for (const line of letterLines(chosen, bold, process.stdout.columns)) context.print(line);
    context.note(`${plural(chosen.length, 'job')} would be retried`);
  }
}

async function retry(
  context: Context,
  letters: DeadLetters,
  chosen: readonly DeadLetter[],
  json: boolean,
): Promise<void> {
  const counts = new Map<RetryOutcome, number>();
  const outcomes: { job_id: string; outcome: RetryOutcome }[] = [];
  for await (const { jobId, outcome } of letters.retry(chosen)) {
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (json) outcomes.push({ job_id: jobId, outcome });
  }
  const revived = counts.get('revived') ?? 0;
  if (json) context.print(JSON.stringify({ retried: revived, jobs: outcomes }));
  else for (const line of retryLines(counts)) context.note(line);
  if (revived < chosen.length) process.exitCode = EXIT.someFailed;
}

/** So that nobody puts everything back by leaving something out. */
function demandOneChoice(ids: readonly string[], { batch, code, task, all }: RetryFlags): void {
  const isFiltered = batch !== undefined || code !== undefined || task !== undefined;
  if (ids.length === 0 && !isFiltered && !all) {
    throw new InputError('which jobs? give ids, --batch, --code or --task, or --all');
  }
  if (all && (ids.length > 0 || isFiltered)) throw new InputError('--all leaves no choice; leave it out, or the rest');
  if (ids.length > 0 && (code !== undefined || task !== undefined)) {
    throw new InputError('give ids or --code and --task, not both');
  }
}

function filterOf({ batch, code, task }: FilterFlags): DeadLetterFilter {
  return {
    ...(batch === undefined ? {} : { batchId: batch }),
    ...(code === undefined ? {} : { code }),
    ...(task === undefined ? {} : { task }),
  };
}

async function collect(found: AsyncGenerator<DeadLetter>, limit = Number.POSITIVE_INFINITY): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for await (const letter of found) {
    letters.push(letter);
    if (letters.length >= limit) break;
  }
  return letters;
}

function parseCode(text: string): ErrorCode {
  const known = Object.keys(DISPOSITIONS);
  if (Object.hasOwn(DISPOSITIONS, text)) return text as ErrorCode;
  throw new InvalidArgumentError(`"${text}" is no error code${suggestion(text, known)}; docs/errors.md lists them.`);
}

function bold(titles: string): string {
  return styled('bold', titles);
}

async function withLetters<Value>(context: Context, use: (letters: DeadLetters) => Promise<Value>): Promise<Value> {
  const config = requireConfigWithoutKeys(context);
  const redis = await openRedis(context, config.redis.url);
  const letters = new DeadLetters({ config, redis: redis.target });
  try {
    return await use(letters);
  } finally {
    await letters.close();
    await redis.close();
  }
}
