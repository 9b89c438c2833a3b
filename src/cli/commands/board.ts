import { Command } from 'commander';
import { startMonitor } from '../../monitor/index.ts';
import { describeBoard } from '../board-login.ts';
import { findInstallation } from '../config-view.ts';
import { contextOf, createLogger } from '../context.ts';
import { parsePort } from '../options.ts';
import { waitForStop } from '../processes.ts';
import { openRedis } from '../redis.ts';

type Options = {
  host: string;
  port: number;
  user?: string;
  password?: string;
  writable?: boolean;
  showPrompts?: boolean;
};

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
Where others can reach it (--host 0.0.0.0) it wants --user and a password; put TLS in front of it.
/healthz and /readyz are open; the board and /metrics want the login.

Example:
  $ SLUICE_BOARD_PASSWORD=... sluice board --host 0.0.0.0 --user ops`,
  )
  .action(async ({ password, ...options }: Options, command: Command) => {
    const context = contextOf(command);
    const installation = findInstallation(context);
    const stopped = waitForStop();
    const redis = await openRedis(context, installation.redis.url);
    const secret = password ?? (context.env['SLUICE_BOARD_PASSWORD'] || undefined);
    try {
      const monitor = await startMonitor({
        ...options,
        ...(secret === undefined ? {} : { password: secret }),
        redis: redis.target,
        prefix: installation.redis.prefix,
        lanes: Object.keys(installation.lanes),
        logger: createLogger(context, 'warn'),
      });
      context.note(`board  ${describeBoard(monitor)}`);
      context.note(`Redis  ${redis.description}; Ctrl-C stops the board`);
      await stopped;
      await monitor.stop();
    } finally {
      await redis.close();
    }
  });
