import { Command } from 'commander';
import { startMonitor } from '../../monitor/index.ts';
import { type Context, contextOf, createLogger, requireConfig } from '../context.ts';
import { plural } from '../format.ts';
import { describeBoard } from '../board-login.ts';
import { parseCount, parsePort } from '../options.ts';
import { waitForStop } from '../processes.ts';
import { openRedis } from '../redis.ts';
import { startWorkerCrew } from '../worker-crew.ts';

type Options = { workers: number; concurrency?: number; port: number };

export const upCommand = new Command('up')
  .description('run Redis, workers and the board together, until Ctrl-C')
  .option('--workers <n>', 'worker processes', parseCount, 1)
  .option('--concurrency <n>', 'jobs at a time in each of them (default: workers.concurrency)', parseCount)
  .option('--port <port>', 'of the board on 127.0.0.1; 0 takes any that is free', parsePort, 3_010)
  .addHelpText(
    'after',
    `
Redis is the one that REDIS_URL or redis.url names; without either, this folder gets one of its own, which keeps its
data in .sluice/redis and ends with the last command that uses it. SLUICE_BOARD_PASSWORD sets the board's password.

Example:
  $ sluice up --workers 2`,
  )
  .action(async (options: Options, command: Command) => {
    const context = contextOf(command);
    const config = requireConfig(context);
    let onImpatience = (): void => {};
    const stopped = waitForStop(() => onImpatience());
    const redis = await openRedis(context, config.redis.url);
    try {
      context.note(`Redis    ${redis.description}`);
      const password = context.env['SLUICE_BOARD_PASSWORD'];
      const monitor = await startMonitor({
        redis: redis.target,
        prefix: config.redis.prefix,
        lanes: Object.keys(config.lanes),
        port: options.port,
        logger: createLogger(context, 'warn'),
        ...(password ? { password } : {}),
      });
      context.note(`board    ${describeBoard(monitor)}`);
      const crew = startWorkerCrew({
        count: options.workers,
        commandArguments: workerArguments(context, options),
        note: context.note,
      });
      onImpatience = () => crew.kill();
      context.note(`workers  ${plural(options.workers, 'process')} starting; Ctrl-C stops everything`);
      await stopped;
      await crew.stop();
      await monitor.stop();
    } finally {
      await redis.close();
    }
    context.note('stopped; what was in the queues is kept');
  });

function workerArguments(context: Context, { concurrency }: Options): string[] {
  return [
    ...(context.configFile === undefined ? [] : ['--config', context.configFile]),
    ...(context.debug ? ['--debug'] : []),
    'worker',
    ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)]),
  ];
}
