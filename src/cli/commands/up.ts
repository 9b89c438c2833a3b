import { Command } from 'commander';
import { priceWarnings } from '../../config/prices.ts';
import type { MonitorServer } from '../../monitor/index.ts';
import { contextOf, requireConfig } from '../context.ts';
import { describeBoard, startBoard } from '../board-server.ts';
import { SLUICE } from '../invocation.ts';
import { parseCount, parsePort } from '../options.ts';
import { waitForStop } from '../processes.ts';
import { openRedis } from '../redis.ts';
import { keepRedis } from '../redis-keeper.ts';
import { workerArguments } from '../worker-arguments.ts';
import { type WorkerCrew, startWorkerCrew } from '../worker-crew.ts';

type Options = { workers: number; concurrency?: number; port: number };

export const upCommand = new Command('up')
  .description('run Redis, workers and the board together, until Ctrl-C')
  .option('--workers <n>', 'worker processes', parseCount, 1)
  .option('--concurrency <n>', 'jobs at a time in each of them (default: workers.concurrency)', parseCount)
  .option('--port <port>', 'of the board on 127.0.0.1; 0 takes any that is free', parsePort, 3_010)
  .addHelpText(
    'after',
    `
Redis is the one that REDIS_URL or redis.url names; without either, this
folder gets one of its own, which keeps its data in .sluice/redis and ends
with the last command that uses it. SLUICE_BOARD_PASSWORD sets the board's
password.

Example:
  $ ${SLUICE} up --workers 2`,
  )
  .action(async (options: Options, command: Command) => {
    const context = contextOf(command);
    const config = requireConfig(context);
    for (const warning of priceWarnings(config)) context.note(warning);
    let crew: WorkerCrew | undefined;
    let monitor: MonitorServer | undefined;
    let reason: string | undefined;
    const asked = waitForStop(() => crew?.kill());
    const redis = await openRedis(context, config.redis.url);
    const keeper = keepRedis(context, redis);
    try {
      context.note(`Redis    ${redis.description}`);
      monitor = await startBoard(context, config, redis, { port: options.port });
      context.note(`board    ${describeBoard(monitor)}`);
      crew = startWorkerCrew({
        count: options.workers,
        commandArguments: workerArguments(context, options),
        note: (line) => context.note(line),
      });
      context.note(`workers  ${options.workers} starting; Ctrl-C stops everything`);
      reason = await Promise.race([asked, keeper.stopped.then(() => undefined)]);
    } finally {
      // Without Redis, workers have nobody to give their jobs back to.
      if (reason === undefined) crew?.kill();
      await crew?.stop();
      await monitor?.stop();
      await keeper.close();
      await redis.close();
    }
    context.note(`stopped${reason === undefined ? ', because Redis was' : ''}; what was in the queues is kept`);
  });
