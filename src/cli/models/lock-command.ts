import { relative } from 'node:path';
import { Command } from 'commander';
import { parseOwnConfig, readText } from '../../config/config-file.ts';
import {
  createLock,
  findLock,
  formatLock,
  keepDates,
  type Lock,
  lockDifferences,
  lockFileOf,
} from '../../config/lock-file.ts';
import { openPriceCatalogue } from '../../config/price-catalogue.ts';
import { replaceText } from '../../config/text-file.ts';
import { InputError } from '../../domain/errors.ts';
import { requireConfigWithoutKeys, withStandIns } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { EXIT } from '../failure.ts';
import { plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';

export const lockCommand = new Command('lock')
  .description('keep the prices of today: write them beside the configuration, in its lock file')
  .option('--check', 'only show what would change; exit code 1 when something would')
  .option('--json', 'with --check: one JSON object')
  .addHelpText(
    'after',
    `
With the lock file, a newer version of Sluice charges the prices that were
locked: it changes none until they are locked again.

Example:
  $ ${SLUICE} models lock --check || ${SLUICE} models lock`,
  )
  .action(({ check = false, json = false }: { check?: boolean; json?: boolean }, command: Command) => {
    const context = contextOf(command);
    const { path, shown } = lockPlace(context);
    const locked = findLockOf(context);
    const now = lockOfToday(context);
    if (check) {
      checkLock(context, locked, now, shown, json);
      return;
    }
    replaceText(path, formatLock(keepDates(locked, now)));
    context.note(`wrote ${shown}: ${describe(now)}`);
  });

/** The lock of the configuration in force, when there is one. */
export function findLockOf({ configFile }: Context): Lock | undefined {
  return configFile === undefined ? undefined : findLock(configFile);
}

function lockPlace(context: Context): { path: string; shown: string } {
  if (context.configFile === undefined) requireConfigWithoutKeys(context);
  const path = lockFileOf(context.configFile ?? '');
  return { path, shown: relative(context.directory, path) };
}

function lockOfToday({ configFile = '', env }: Context): Lock {
  const text = readText(configFile);
  const own = parseOwnConfig(text, configFile, withStandIns(text, env));
  return createLock(own, openPriceCatalogue, new Date().toISOString().slice(0, 10));
}

function checkLock(context: Context, locked: Lock | undefined, now: Lock, shown: string, json: boolean): void {
  if (locked === undefined) throw new InputError(`no ${shown} yet: write it with "${SLUICE} models lock"`);
  const differences = lockDifferences(locked, now);
  if (json) context.print(JSON.stringify({ differences }));
  else for (const difference of differences) context.print(difference);
  if (differences.length === 0) context.note(`${shown} is up to date: ${describe(now)}`);
  else process.exitCode = EXIT.someFailed;
}

function describe({ models }: Lock): string {
  const bySource = Map.groupBy(Object.values(models), ({ source }) => source);
  const sources = [...bySource].map(([source, list]) => `${list.length} from ${source}`).toSorted();
  return `${plural(Object.keys(models).length, 'model')}, prices: ${sources.join(', ')}`;
}
