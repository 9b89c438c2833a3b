import { Command, Option } from 'commander';
import { InputError } from '../../domain/errors.ts';
import { DIMENSION_NAMES, type UsageDimension } from '../../domain/usage-sums.ts';
import { MOST_VALUES, OTHER_VALUES, nameOfValue } from '../../store/rollups/place.ts';
import { createRollups } from '../../store/rollups/rollups.ts';
import { dayOfTime } from '../../store/stream-id.ts';
import { contextOf } from '../context.ts';
import { formatCount, styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { type Dimension, type UsageGroup, createUsageGroups, renderUsage, usageFacts } from './groups.ts';
import { withUsageStore } from './open.ts';
import { parseDimensions, parseUsageSince } from './options.ts';

type Flags = { by?: readonly Dimension[]; since?: number; json?: boolean };

export const daysCommand = new Command('days')
  .description('sums by day (UTC), also of what is no longer in the stream')
  .addOption(new Option('--by <name>', `besides, one of ${DIMENSION_NAMES.join(', ')}`).argParser(parseDimensions))
  .option('--since <when>', '7d, 2026-11-01 (UTC): that day and later ones', parseUsageSince)
  .option('--json', 'one JSON object')
  .addHelpText('after', `\nExample:\n  $ ${SLUICE} usage days --by user --since 30d`)
  .action(async (flags: Flags, command: Command) => {
    const context = contextOf(command);
    const { since } = flags;
    const by = flags.by === undefined ? undefined : demandDimension(flags.by);
    const { groups, total, hasOthers } = await withUsageStore(context, async ({ redis, keys }) => {
      const rollups = createRollups(redis, keys);
      await rollups.catchUp();
      const known = (await rollups.days()).filter((day) => since === undefined || day >= dayOfTime(since));
      const sums = createUsageGroups(by === undefined ? ['day'] : ['day', by]);
      let others = false;
      for (const day of known) {
        // Without a name for them any dimension will do: every record has one model.
        const read = await rollups.readDay(day, [by ?? 'model']);
        for (const [value, ofValue] of read.sums.get(by ?? 'model') ?? []) {
          others ||= by !== undefined && value === OTHER_VALUES;
          sums.add(by === undefined ? [day] : [day, nameOfValue(value)], ofValue);
        }
      }
      return { groups: sums.sorted().toSorted(byDay), total: sums.total, hasOthers: others };
    });
    const titles = by === undefined ? ['day'] : ['day', by];
    if (flags.json) {
      const rows = groups.map(({ names, sums }) => ({
        ...Object.fromEntries(titles.map((title, index) => [title, names[index] ?? null])),
        ...usageFacts(sums),
      }));
      context.print(JSON.stringify({ total: usageFacts(total), days: rows }));
    } else if (groups.length > 0) {
      for (const line of renderUsage(titles, groups, total, (text) => styled('bold', text))) context.print(line);
    } else {
      context.note('no calls recorded');
    }
    if (hasOthers && by) context.note(describeOthers(by));
  });

/** The days are counted by each dimension alone. */
function demandDimension([name, ...more]: readonly Dimension[]): UsageDimension {
  const known = DIMENSION_NAMES.find((dimension) => dimension === name);
  if (known !== undefined && more.length === 0) return known;
  throw new InputError(`--by: days are kept by one of ${DIMENSION_NAMES.join(', ')}`);
}

/** Why there is a group that nobody is called by. */
export function describeOthers(dimension: string): string {
  return `(others): all beyond the first ${formatCount(MOST_VALUES)} values of ${dimension} on a day`;
}

function byDay(a: UsageGroup, b: UsageGroup): number {
  const [dayOfA = '', dayOfB = ''] = [a.names[0], b.names[0]];
  return dayOfA < dayOfB ? -1 : Number(dayOfA > dayOfB);
}
