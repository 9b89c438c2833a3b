import { readFileSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { Command } from 'commander';
import { InputError } from '../../domain/errors.ts';
import { CONFIG_NAME, reasonOf } from '../../config/config-file.ts';
import { bundledFile, contextOf } from '../context.ts';
import { SLUICE } from '../invocation.ts';

export const initCommand = new Command('init')
  .description('write a commented sluice.yaml to start from')
  .option('--force', 'replace the file that is there')
  .addHelpText('after', `\nExample:\n  $ ${SLUICE} init && export OPENROUTER_API_KEY=... && ${SLUICE} doctor`)
  .action((options: { force?: boolean }, command: Command) => {
    const context = contextOf(command);
    const { configFile, directory, env } = context;
    const path = configFile ?? resolve(directory, CONFIG_NAME);
    const shown = relative(directory, path);
    writeConfig(path, shown, options.force ?? false);
    context.note(`wrote ${shown}: providers, models with prices, tasks, budgets; read it through and make it yours`);
    if (!env['OPENROUTER_API_KEY']) context.note('next: export OPENROUTER_API_KEY=... (https://openrouter.ai/keys)');
    context.note(`then: ${SLUICE} doctor`);
  });

function writeConfig(path: string, shown: string, force: boolean): void {
  const text = readFileSync(bundledFile('examples/sluice.yaml'), 'utf8');
  try {
    writeFileSync(path, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new InputError(
      exists ? `${shown} is there already; --force replaces it` : `cannot write ${shown}: ${reasonOf(error)}`,
    );
  }
}
