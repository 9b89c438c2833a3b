import { dirname } from 'node:path';
import { Command, Option } from 'commander';
import { priceWarnings } from '../../config/prices.ts';
import type { Config } from '../../domain/config.ts';
import type { Gateway } from '../../gateway/index.ts';
import type { Monitor } from '../../monitor/index.ts';
import { type Context, contextOf, createLogger, requireConfig } from '../context.ts';
import { SLUICE } from '../invocation.ts';
import { parseCount, parseCountOrNone, parsePort } from '../options.ts';
import { waitForStop } from '../processes.ts';
import { type OpenRedis, openRedis } from '../redis.ts';
import { keepRedis } from '../redis-keeper.ts';
import { type WorkerCrew, startWorkerCrew } from '../worker-crew.ts';
import { workerArguments } from '../worker-arguments.ts';

type Options = {
  host?: string;
  port?: number;
  workers: number;
  concurrency?: number;
  allowAnonymous?: boolean;
  user?: string;
  password?: string;
  writable?: boolean;
  showPrompts?: boolean;
  logLevel: string;
};

export const serveCommand = new Command('serve')
  .description('serve the HTTP API, the status page and the board, with workers, until Ctrl-C')
  .option('--host <host>', 'address to listen on (default: gateway.host, 127.0.0.1)')
  .option('--port <port>', '0 takes any that is free (default: gateway.port, 4000)', parsePort)
  .option('--workers <n>', 'worker processes beside it; 0 where others run them', parseCountOrNone, 1)
  .option('--concurrency <n>', 'jobs at a time in each of them (default: workers.concurrency)', parseCount)
  .option('--allow-anonymous', 'let callers in that have no key; on a loopback address only')
  .option('--user <name>', 'who logs in to the pages for people (default: sluice)')
  .option('--password <password>', 'better given as SLUICE_BOARD_PASSWORD; on 127.0.0.1 one is made up without it')
  .option('--writable', 'let the board retry, promote, pause and remove jobs')
  .option('--show-prompts', 'show prompts on the board and not only their length')
  .addOption(
    new Option('--log-level <level>', 'what is logged to stderr')
      .choices(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info'),
  )
  .addHelpText(
    'after',
    `
Clients send the keys that "${SLUICE} key create" makes. On the first signal
it takes no more requests and grants answers under way gateway.drain (30s).
Where others can reach it (--host 0.0.0.0) it wants --user and a password for
its pages; put TLS in front of it.

Example:
  $ ${SLUICE} serve --allow-anonymous
  $ curl http://127.0.0.1:4000/v1/chat/completions -H 'content-type: application/json' \\
      -d '{"model": "sluice/auto", "messages": [{"role": "user", "content": "Hello"}]}'`,
  )
  .action(async (options: Options, command: Command) => {
    const context = contextOf(command);
    const config = requireConfig(context);
    for (const warning of priceWarnings(config)) context.note(warning);
    let crew: WorkerCrew | undefined;
    let serving: Serving | undefined;
    let reason: string | undefined;
    const asked = waitForStop(() => crew?.kill());
    const redis = await openRedis(context, config.redis.url);
    const keeper = keepRedis(context, redis);
    try {
      serving = await startServing(context, config, redis, options);
      crew = startWorkerCrew({
        count: options.workers,
        commandArguments: workerArguments(context, options),
        note: (line) => context.note(line),
      });
      context.note(
        `workers  ${options.workers === 0 ? 'none here' : `${options.workers} starting`}; Ctrl-C stops everything`,
      );
      reason = await Promise.race([asked, keeper.stopped.then(() => undefined)]);
      context.note('stopping: answers under way are finished');
    } finally {
      // Without Redis no answer will come any more.
      await serving?.stop(reason === undefined ? 0 : config.gateway.drain);
      if (reason === undefined) crew?.kill();
      await crew?.stop();
      await keeper.close();
      await redis.close();
    }
    context.note(`stopped${reason === undefined ? ', because Redis was' : ''}; what was in the queues is kept`);
  });

type Serving = { stop(drainMs: number): Promise<void> };

async function startServing(context: Context, config: Config, redis: OpenRedis, options: Options): Promise<Serving> {
  // Both bring libraries that other commands do without.
  const { createMonitor } = await import('../../monitor/index.ts');
  const { startGateway } = await import('../../gateway/index.ts');
  const { port, allowAnonymous, user, writable, showPrompts } = options;
  const host = options.host ?? config.gateway.host;
  const password = options.password ?? (context.env['SLUICE_BOARD_PASSWORD'] || undefined);
  const logger = createLogger(context, options.logLevel);
  let isDraining = false;
  const monitor: Monitor = await createMonitor({
    redis: redis.target,
    prefix: config.redis.prefix,
    lanes: Object.keys(config.lanes),
    config,
    host,
    whyUnready: () => (isDraining ? 'stopping' : undefined),
    logger,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(writable !== undefined && { writable }),
    ...(showPrompts !== undefined && { showPrompts }),
  });
  let gateway: Gateway;
  try {
    gateway = await startGateway({
      config,
      redis: redis.target,
      logger,
      folder: context.configFile === undefined ? context.directory : dirname(context.configFile),
      host,
      ...(port !== undefined && { port }),
      ...(allowAnonymous !== undefined && { allowAnonymous }),
      monitor: monitor.plugin,
    });
  } catch (error) {
    await monitor.stop();
    throw error;
  }
  context.note(`Redis    ${redis.description}`);
  context.note(
    `API      ${gateway.url}/v1  (${allowAnonymous ? 'no key needed from this machine' : `keys: ${SLUICE} key create`})`,
  );
  context.note(`pages    ${gateway.url}  ${describeLogin(monitor)}`);
  return {
    async stop(drainMs) {
      isDraining = true;
      await gateway.stop(drainMs);
      await monitor.stop();
    },
  };
}

function describeLogin({ credentials }: Monitor): string {
  if (credentials === undefined) return '(log in with the password that was set)';
  return `(user ${credentials.user}, password ${credentials.password})`;
}
