import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../domain/duration.ts';
import { InputError } from '../../domain/errors.ts';
import { archiveUsage } from '../../store/archive/archive.ts';
import { readArchiveState } from '../../store/archive/state.ts';
import type { UsageReader } from '../../store/archive/trim.ts';
import { type RollupDifference, rebuildRollups } from '../../store/rollups/rebuild.ts';
import { nameOfValue } from '../../store/rollups/place.ts';
import { contextOf } from '../context.ts';
import { formatCount, plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { printable } from '../table.ts';
import { withUsageStore } from './open.ts';

const DEFAULT_FOLDER = 'usage-archive';
const DEFAULT_AGE = '7d';

export const archiveCommand = new Command('archive')
  .description('move old records to files, one a day, and free the stream of them')
  .option('--to <folder>', `where to (default: where it was last, else ${DEFAULT_FOLDER})`)
  .addOption(
    new Option('--older-than <age>', 'records of that age: 12h, 7d; 0s for all')
      .argParser(parseAge)
      .default(parseAge(DEFAULT_AGE), DEFAULT_AGE),
  )
  .addHelpText(
    'after',
    `
Nothing is removed from the stream that is not on the disk, not counted by day,
or not read and acknowledged by every consumer group. It may be killed and run
again at any time; give it to cron.

Example:
  $ ${SLUICE} usage archive --to /var/lib/sluice/usage --older-than 30d`,
  )
  .action(async ({ to, olderThan }: { to?: string; olderThan: number }, command: Command) => {
    const context = contextOf(command);
    await withUsageStore(context, async ({ redis, keys }) => {
      const known = (await readArchiveState(redis, keys)).directory;
      const directory = to === undefined ? (known ?? resolve(context.directory, DEFAULT_FOLDER)) : folderOf(to);
      const report = await archiveUsage({ redis, keys, directory, olderThanMs: olderThan });
      const done = `${plural(report.archived, 'record')} archived in ${directory}, ${formatCount(report.trimmed)} trimmed`;
      context.print(`${done}${describeHolders(report.holders)}`);
    });
  });

export const rebuildCommand = new Command('rebuild')
  .description('count the sums by day again, from the archive and the stream')
  .option('--archive <folder>', 'where the archive is (default: where it was last)')
  .action(async ({ archive }: { archive?: string }, command: Command) => {
    const context = contextOf(command);
    await withUsageStore(context, async ({ redis, keys }) => {
      const known = await readArchiveState(redis, keys);
      const directory = archive === undefined ? known.directory : folderOf(archive);
      const { days, fromFiles, fromStream, differences } = await rebuildRollups({ redis, keys, directory });
      const sources = `${plural(fromFiles, 'record')} of the archive, ${formatCount(fromStream)} of the stream`;
      const verdict = differences.length === 0 ? 'same numbers' : plural(differences.length, 'difference');
      context.print(`${plural(days, 'day')} counted again (${sources}): ${verdict}`);
      for (const difference of differences) context.print(describeDifference(difference));
    });
  });

function folderOf(text: string): string {
  if (text.trim() === '') throw new InputError('name a folder for the archive');
  return resolve(text);
}

function parseAge(text: string): number {
  const age = parseDuration(text);
  if (age === undefined) throw new InvalidArgumentError('Give a duration such as 12h, 7d or 30d.');
  return age;
}

/** Who keeps records in the stream that are archived already. */
function describeHolders(holders: readonly UsageReader[]): string {
  if (holders.length === 0) return '';
  const each = holders.map(({ kind, name, pending, unread = 0 }) =>
    kind === 'group'
      ? `group ${printable(name)} (${formatCount(unread)} unread, ${formatCount(pending)} pending)`
      : `the sums by day (${formatCount(unread)} to count)`,
  );
  return `; the rest is held by ${each.join(', ')}`;
}

function describeDifference({ day, dimension, value, measure, before, after }: RollupDifference): string {
  return printable(`${day}  ${dimension} ${nameOfValue(value) ?? '-'}  ${measure}: ${before} before, ${after} now`);
}
