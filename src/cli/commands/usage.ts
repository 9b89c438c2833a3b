import { Command, Option } from 'commander';
import { InputError } from '../../domain/errors.ts';
import { readArchiveState } from '../../store/archive/state.ts';
import { createUsageStream } from '../../store/usage-stream.ts';
import { type Context, contextOf } from '../context.ts';
import { formatTime, styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { printable } from '../table.ts';
import { archiveCommand, rebuildCommand } from '../usage/archive.ts';
import { daysCommand, describeOthers } from '../usage/days.ts';
import { type Dimension, renderUsage, usageFacts } from '../usage/groups.ts';
import { type UsageStore, withUsageStore } from '../usage/open.ts';
import { DIMENSION_WORDS, handDown, parseDimensions, parseUsageSince } from '../usage/options.ts';
import { describeMissing, dividePeriod } from '../usage/period.ts';
import { type RecordsQuestion, followRecords, printRecords } from '../usage/records.ts';
import { type SumsAnswer, sumUsage } from '../usage/sums.ts';

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
    new Option('--by <names>', `any of ${DIMENSION_WORDS.join(', ')}; with commas between`)
      .argParser(parseDimensions)
      .default(['model'], 'model'),
  )
  .option('--since <when>', '24h, 7d, 2026-11-01 (UTC); everything without it', parseUsageSince)
  .option('--batch <id>', 'only this batch')
  .option('--json', 'one JSON object')
  .option('--stream', 'the records themselves, one JSON object a line')
  .option('--follow', 'each call as it arrives, until Ctrl-C; with --stream as JSON')
  .hook('preSubcommand', handDown)
  .addCommand(daysCommand)
  .addCommand(archiveCommand)
  .addCommand(rebuildCommand)
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
    await withUsageStore(context, async (store) => {
      const isEmpty =
        options.stream || options.follow
          ? !(await showRecords(context, store, options))
          : !(await showSums(context, store, options));
      if (isEmpty && !options.json) context.note(describeAbsence(context, options, store));
    });
  });

/** Returns whether there were any. */
async function showSums(context: Context, { redis, keys }: UsageStore, options: Options): Promise<boolean> {
  const { by, since, batch } = options;
  const answer = await sumUsage(redis, keys, { by, sinceMs: since, batch });
  const { groups, missing, directory, hasOthers } = answer;
  const sorted = groups.sorted();
  if (options.json) context.print(JSON.stringify(sumsJson(answer, options)));
  else if (sorted.length > 0) {
    for (const line of renderUsage(by, sorted, groups.total, (titles) => styled('bold', titles))) context.print(line);
  }
  if (missing) context.note(describeMissing(missing, directory));
  if (hasOthers) context.note(describeOthers(by.filter((name) => name !== 'day').join()));
  return sorted.length > 0 || missing !== undefined;
}

function sumsJson({ groups, missing, directory }: SumsAnswer, { by, since }: Options): object {
  return {
    since: isoOf(since),
    // What the sums leave out, since the records are no longer in the stream.
    archived: missing
      ? { since: isoOf(missing.sinceMs), until: isoOf(missing.untilMs), directory: directory ?? null }
      : null,
    total: usageFacts(groups.total),
    groups: groups.sorted().map(({ names, sums }) => ({
      ...Object.fromEntries(by.map((dimension, index) => [dimension, names[index] ?? null])),
      ...usageFacts(sums),
    })),
  };
}

function isoOf(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : new Date(epochMs).toISOString();
}

/** Returns whether there were any, or may come. */
async function showRecords(context: Context, { redis, keys }: UsageStore, options: Options): Promise<boolean> {
  const stream = createUsageStream(redis, keys);
  const question: RecordsQuestion = {
    sinceMs: options.since,
    batch: options.batch,
    asJson: options.stream ?? false,
  };
  const { trimmedId, directory } = await readArchiveState(redis, keys);
  const { missing } = dividePeriod({ sinceMs: options.since, trimmedId, hasRollups: false });
  // Whoever only follows asks for nothing that is past.
  if (missing && !(options.follow && options.since === undefined)) context.note(describeMissing(missing, directory));
  if (options.follow) {
    await followRecords(context, stream, redis, question);
    return true;
  }
  return (await printRecords(context, stream, question)) > 0 || missing !== undefined;
}

/** Says where it looked: who did make calls is in another folder, or has another Redis or prefix in mind. */
function describeAbsence(
  { directory }: Context,
  { batch, since }: Options,
  { isEmbedded, description, keys }: UsageStore,
): string {
  const what = batch === undefined ? 'no calls' : `no calls of batch ${printable(batch)}`;
  const where = isEmbedded ? `this folder's own Redis (${directory})` : `Redis at ${description}`;
  const when = since === undefined ? ' yet' : ` since ${formatTime(since)} UTC`;
  return `${what} recorded${when} in ${where}, under the prefix ${keys.prefix}`;
}
