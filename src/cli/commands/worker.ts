import { Command, Option } from 'commander';
import { priceWarnings } from '../../config/prices.ts';
import type { Config } from '../../domain/config.ts';
import { WorkerPool, shareOut } from '../../workers/pool.ts';
import { type Context, contextOf, createLogger, requireConfig } from '../context.ts';
import { SLUICE } from '../invocation.ts';
import { collect, parseCount } from '../options.ts';
import { waitForStop } from '../processes.ts';
import { type OpenRedis, openRedis } from '../redis.ts';
import { endAtOnce } from '../signals.ts';

type Options = { concurrency?: number; lane?: readonly string[]; logLevel: string };

/** Past the grace, BullMQ needs a moment to give jobs back; a Redis that is gone would make it wait for ever. */
const GIVING_BACK_MS = 5_000;

export const workerCommand = new Command('worker')
  .description('run the jobs of the queues, until Ctrl-C or SIGTERM')
  .option('--concurrency <n>', 'jobs at a time in this process (default: workers.concurrency)', parseCount)
  .option('--lane <name>', 'only this lane; may be given more than once', collect)
  .addOption(
    new Option('--log-level <level>', 'what is logged to stderr')
      .choices(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info'),
  )
  .addHelpText(
    'after',
    `
On the first signal it takes no more jobs, grants calls under way
workers.grace (10s) and gives the rest of its jobs back to the queue. A second
Ctrl-C ends it at once; other workers then take its jobs over after
workers.lock (30s).

Example:
  $ ${SLUICE} worker --concurrency 100 --lane batch`,
  )
  .action(async (options: Options, command: Command) => {
    const context = contextOf(command);
    const config = requireConfig(context);
    const stopped = waitForStop();
    const redis = await openRedis(context, config.redis.url);
    try {
      await work(context, config, redis, options, stopped);
    } finally {
      await redis.close();
    }
  });

async function work(
  context: Context,
  config: Config,
  redis: OpenRedis,
  { logLevel, concurrency, lane: lanes }: Options,
  stopped: Promise<string>,
): Promise<void> {
  const logger = createLogger(context, logLevel);
  const part = { ...(concurrency === undefined ? {} : { concurrency }), ...(lanes === undefined ? {} : { lanes }) };
  const pool = new WorkerPool({ config, redis: redis.target, logger, ...part });
  const shares = shareOut(config, part).map((share) => `${share.lane} ${share.concurrency}`);
  const note = isQuiet(logLevel) ? (): void => {} : (line: string): void => context.note(line);
  for (const warning of priceWarnings(config)) note(warning);
  // The pool waits for a Redis that goes away while it starts; whoever stops the worker does not have to.
  const isStarted = typeof (await Promise.race([pool.start(), stopped])) !== 'string';
  if (isStarted) note(`worker ready: lanes ${shares.join(', ')}; Redis ${redis.description}; pid ${process.pid}`);
  const reason = await stopped;
  note(`worker stopping (${reason}): giving calls under way up to ${config.workers.grace / 1_000} s`);
  const late = setTimeout(() => {
    context.note('worker cannot give its jobs back: Redis does not answer; others take them over after workers.lock');
    endAtOnce();
  }, config.workers.grace + GIVING_BACK_MS);
  await pool.stop();
  clearTimeout(late);
}

/** A worker of another command, which speaks for it, is told to be quiet. */
function isQuiet(logLevel: string): boolean {
  return logLevel !== 'info' && logLevel !== 'debug';
}
