import type { Command } from 'commander';
import { batchCommand } from './batch.ts';
import { boardCommand } from './board.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { downCommand } from './down.ts';
import { initCommand } from './init.ts';
import { routeCommand } from './route.ts';
import { simCommand } from './sim.ts';
import { upCommand } from './up.ts';
import { usageCommand } from './usage.ts';
import { workerCommand } from './worker.ts';

/** Every command, in the order in which the help lists them. */
export const commands: Command[] = [
  demoCommand,
  initCommand,
  upCommand,
  downCommand,
  workerCommand,
  batchCommand,
  boardCommand,
  usageCommand,
  routeCommand,
  simCommand,
  doctorCommand,
];
