import { Command, InvalidArgumentError, Option } from 'commander';
import { InputError } from '../../domain/errors.ts';
import { suggestion } from '../../domain/issues.ts';
import { formatUsd } from '../../domain/money.ts';
import type { UsageRecord } from '../../domain/usage.ts';
import { createKeys } from '../../store/keys.ts';
import { type UsageEntry, type UsageStream, createUsageStream } from '../../store/usage-stream.ts';
import { findInstallation } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { formatLatency, formatTime, styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { parseSince } from '../options.ts';
import { waitForStop } from '../processes.ts';
import { type OpenRedis, openRedis } from '../redis.ts';
import { printable } from '../table.ts';
import { DIMENSIONS, type Dimension, createUsageGroups, renderUsage, usageFacts } from '../usage-groups.ts';

type Options = {
  by: readonly Dimension[];
  since?: number;
  batch?: string;
  json?: boolean;
  stream?: boolean;
  follow?: boolean;
};

export const usageCommand = new Command('usage')
  .description('what was called and what it cost, from the usage stream')
  .addOption(
    new Option('--by <names>', `any of ${Object.keys(DIMENSIONS).join(', ')}; with commas between`)
      .argParser(parseDimensions)
      .default(['model'], 'model'),
  )
  .option('--since <when>', '24h, 7d, 2026-11-01 (UTC); everything without it', (text) => parseSince(text))
  .option('--batch <id>', 'only this batch')
  .option('--json', 'one JSON object')
  .option('--stream', 'the records themselves, one JSON object a line')
  .option('--follow', 'each call as it arrives, until Ctrl-C; with --stream as JSON')
  .addHelpText(
    'after',
    `
Calls are all attempts, also those that found no server there; failed ones have
no answer. Cached answers cost nothing and are counted apart, with what they
saved. The latency is the average of the calls that answered.

Examples:
  $ ${SLUICE} usage --by task,model --since 24h
  $ ${SLUICE} usage --stream --since 2026-11-01 > usage.jsonl`,
  )
  .action(async (options: Options, command: Command) => {
    const context = contextOf(command);
    if (options.json && (options.stream || options.follow)) {
      throw new InputError('--json is one object with the sums; leave it out with --stream or --follow');
    }
    if (command.getOptionValueSource('by') === 'cli' && (options.stream || options.follow)) {
      throw new InputError('--by groups the sums; leave it out with --stream or --follow, which show single records');
    }
    const { prefix, url } = findInstallation(context).redis;
    const redis = await openRedis(context, url);
    try {
      const stream = createUsageStream(redis.redis, createKeys(prefix));
      if (options.follow) await follow(context, stream, redis.redis, options);
      else {
        const count = await (options.stream ? printRecords : printSums)(context, stream, options);
        if (count === 0 && !options.json) context.note(describeAbsence(context, options, redis, prefix));
      }
    } finally {
      await redis.close();
    }
  });

/** Returns of how many groups. */
async function printSums(context: Context, stream: UsageStream, options: Options): Promise<number> {
  const { by, since, batch } = options;
  const groups = createUsageGroups(by);
  for await (const page of stream.read(rangeOf(options))) {
    for (const record of recordsOf(page, batch)) groups.count(record);
  }
  const sorted = groups.sorted();
  if (options.json) {
    context.print(
      JSON.stringify({
        since: since === undefined ? null : new Date(since).toISOString(),
        total: usageFacts(groups.total),
        groups: sorted.map(({ names, sums }) => ({
          ...Object.fromEntries(by.map((dimension, index) => [dimension, names[index] ?? null])),
          ...usageFacts(sums),
        })),
      }),
    );
  } else if (sorted.length > 0) {
    for (const line of renderUsage(by, sorted, groups.total, (titles) => styled('bold', titles))) context.print(line);
  }
  return sorted.length;
}

/** Returns how many. */
async function printRecords(context: Context, stream: UsageStream, options: Options): Promise<number> {
  let count = 0;
  for await (const page of stream.read(rangeOf(options))) count += await printPage(page, context, options);
  return count;
}

/** Says where it looked: who did make calls is in another folder, or has another Redis or prefix in mind. */
function describeAbsence(
  { directory }: Context,
  { batch, since }: Options,
  { isEmbedded, description }: OpenRedis,
  prefix: string,
): string {
  const what = batch === undefined ? 'no calls' : `no calls of batch ${printable(batch)}`;
  const where = isEmbedded ? `this folder's own Redis (${directory})` : `Redis at ${description}`;
  return `${what} recorded${sinceText(since)} in ${where}, under the prefix ${prefix}`;
}

/** What was there since `--since`, then what comes. */
async function follow(
  context: Context,
  stream: UsageStream,
  redis: OpenRedis['redis'],
  options: Options,
): Promise<void> {
  const stopping = new AbortController();
  void abortOnStop(stopping, redis);
  // An id of Redis' own clock and not `$`, which each read would take anew, missing what came between two of them.
  let lastId = await idOfNow(redis);
  context.note('waiting for calls; Ctrl-C ends');
  try {
    if (options.since !== undefined) {
      for await (const page of stream.read(rangeOf(options))) {
        await printPage(page, context, options);
        lastId = page.at(-1)?.id ?? lastId;
      }
    }
    for await (const page of stream.follow(stopping.signal, lastId)) await printPage(page, context, options);
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  }
}

async function abortOnStop(stopping: AbortController, redis: OpenRedis['redis']): Promise<void> {
  await waitForStop();
  stopping.abort();
  // The read that waits for more ends with its connection.
  redis.disconnect();
}

async function idOfNow(redis: OpenRedis['redis']): Promise<string> {
  const [seconds, microseconds] = await redis.time();
  return `${Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000)}-0`;
}

async function printPage(page: readonly UsageEntry[], context: Context, options: Options): Promise<number> {
  let count = 0;
  for (const record of recordsOf(page, options.batch)) {
    context.print(options.stream ? JSON.stringify(record) : describeRecord(record));
    count += 1;
  }
  // A reader that is slower than Redis must not make this process hold the stream.
  if (process.stdout.writableNeedDrain) await new Promise((resolve) => process.stdout.once('drain', resolve));
  return count;
}

function describeRecord(record: UsageRecord): string {
  // What has a width of its own comes last: lines that are not known yet cannot be aligned with it.
  const parts = [
    formatTime(record.at),
    record.outcome.padEnd(11),
    formatUsd(record.cost_nanos).padStart(10),
    formatLatency(record.latency_ms).padStart(8),
    record.model,
    record.task ?? '-',
    record.error_code ?? `${record.input_tokens} in, ${record.output_tokens} out`,
    record.row_id ?? record.job_id,
  ];
  return printable(parts.join('  '));
}

function* recordsOf(page: readonly UsageEntry[], batch: string | undefined): Generator<UsageRecord> {
  for (const { record } of page) if (batch === undefined || record.batch_id === batch) yield record;
}

function rangeOf({ since }: Options): { sinceMs?: number } {
  return since === undefined ? {} : { sinceMs: since };
}

function sinceText(since: number | undefined): string {
  return since === undefined ? ' yet' : ` since ${formatTime(since)} UTC`;
}

function parseDimensions(text: string): readonly Dimension[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const known = Object.keys(DIMENSIONS);
  const unknown = names.find((name) => !Object.hasOwn(DIMENSIONS, name));
  if (unknown === undefined) return names as Dimension[];
  throw new InvalidArgumentError(`"${unknown}" is none of ${known.join(', ')}${suggestion(unknown, known)}.`);
}
