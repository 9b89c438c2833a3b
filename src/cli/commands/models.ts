import { Command } from 'commander';
import { importCommand } from '../models/import-command.ts';
import { listCommand } from '../models/list-command.ts';
import { lockCommand } from '../models/lock-command.ts';
import { SLUICE } from '../invocation.ts';

/** The list is a command of its own, so that its options are not those of the other two. */
export const modelsCommand = new Command('models')
  .description('the configured models and their prices; takes prices over, and keeps them')
  .usage('[text] [options] | import | lock')
  .addCommand(listCommand, { isDefault: true })
  .addCommand(importCommand)
  .addCommand(lockCommand)
  .addHelpText(
    'after',
    `
Examples:
  $ ${SLUICE} models --capability vision --max-price 3
  $ ${SLUICE} models --catalogue "claude sonnet"
  $ ${SLUICE} models lock --check`,
  );
