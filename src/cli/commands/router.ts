import { Command } from 'commander';
import { SLUICE } from '../invocation.ts';
import { exportCommand } from '../router/export.ts';
import { importCommand } from '../router/import.ts';
import { replayCommand } from '../router/replay.ts';
import { tableCommand } from '../router/table.ts';
import { trainCommand } from '../router/train.ts';

export const routerCommand = new Command('router')
  .description('what the router has learned: look at it, take it elsewhere, train it')
  .addCommand(tableCommand)
  .addCommand(exportCommand)
  .addCommand(importCommand)
  .addCommand(replayCommand)
  .addCommand(trainCommand)
  .addHelpText(
    'after',
    `
Examples:
  $ ${SLUICE} router table --task coding
  $ ${SLUICE} router export evidence.json`,
  );
