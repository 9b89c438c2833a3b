import { Command } from 'commander';
import { type BoardOptions, describeBoard, startBoard } from '../board-server.ts';
import { findInstallation } from '../config-view.ts';
import { contextOf } from '../context.ts';
import { SLUICE } from '../invocation.ts';
import { parsePort } from '../options.ts';
import { waitForStop } from '../processes.ts';
import { openRedis } from '../redis.ts';

export const boardCommand = new Command('board')
  .description('serve the queues to look at, with health and metrics, until Ctrl-C')
  .option('--host <host>', 'address to listen on', '127.0.0.1')
  .option('--port <port>', '0 takes any that is free', parsePort, 3_010)
  .option('--user <name>', 'who logs in (default: sluice)')
  .option('--password <password>', 'better given as SLUICE_BOARD_PASSWORD; on 127.0.0.1 one is made up without it')
  .option('--writable', 'let the board retry, promote, pause and remove jobs')
  .option('--show-prompts', 'show prompts and not only their length')
  .addHelpText(
    'after',
    `
Where others can reach it (--host 0.0.0.0) it wants --user and a password; put
TLS in front of it. /healthz and /readyz are open; the board and /metrics want
the login.

Example:
  $ SLUICE_BOARD_PASSWORD=... ${SLUICE} board --host 0.0.0.0 --user ops`,
  )
  .action(async (options: BoardOptions, command: Command) => {
    const context = contextOf(command);
    const installation = findInstallation(context);
    const stopped = waitForStop();
    const redis = await openRedis(context, installation.redis.url);
    try {
      const monitor = await startBoard(context, installation, redis, options);
      context.note(`board  ${describeBoard(monitor)}`);
      context.note(`Redis  ${redis.description}; Ctrl-C stops the board`);
      await stopped;
      await monitor.stop();
    } finally {
      await redis.close();
    }
  });
