import { Queue } from 'bullmq';
import { type FastifyInstance, fastify } from 'fastify';
import type { Logger } from 'pino';
import { InputError } from '../domain/errors.ts';
import { readGates, readLimitRefusals } from '../store/gates/read.ts';
import { createKeys } from '../store/keys.ts';
import { connect, describeTarget, type RedisTarget } from '../store/redis.ts';
import { createUsageStream } from '../store/usage-stream.ts';
import { addAccess } from './access.ts';
import { addBoard, BOARD_PATH } from './board.ts';
import { type Credentials, resolveCredentials } from './credentials.ts';
import { within } from './deadline.ts';
import type { GateReadings } from './gate-metrics.ts';
import { addHealth } from './health.ts';
import { addMetrics } from './metrics.ts';
import { addProtection } from './protection.ts';
import { startUsageTally, type UsageTally } from './usage-tally.ts';

export type MonitorOptions = {
  redis: RedisTarget;
  /** Of all keys; `{sluice}`. */
  prefix: string;
  /** Names of the queues. */
  lanes: readonly string[];
  /** Default 127.0.0.1. Any other than loopback wants `user` and `password`. */
  host?: string;
  /** Default 3010; 0 takes any that is free. */
  port?: number;
  user?: string;
  password?: string;
  /** Lets the board retry, promote, pause and remove. Default false. */
  writable?: boolean;
  /** Shows prompts on the board; without it, only their length. Default false. */
  showPrompts?: boolean;
  logger?: Logger;
};

export type Monitor = {
  /** `http://127.0.0.1:3010` */
  url: string;
  /** The credentials made up for this start, to be printed; undefined when a password was given. */
  credentials?: Credentials;
  /** Ends every connection. May be called again. */
  stop(): Promise<void>;
};

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 3_010;
const REDIS_ANSWERS_WITHIN_MS = 5_000;

type Redis = ReturnType<typeof connect>;

/** What the monitor reads from, opened together and closed together. */
type Sources = { redis: Redis; queues: Queue[]; tally: UsageTally; close(): Promise<void> };

/** Throws InputError when credentials are missing, Redis does not answer or the port is taken. */
export async function startMonitor(options: MonitorOptions): Promise<Monitor> {
  const { host = DEFAULT_HOST, port = DEFAULT_PORT } = options;
  const { credentials, isGenerated } = resolveCredentials(host, options);
  const sources = await openSources(options);
  const app = createApp(options, sources, credentials);
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= app.close().then(() => sources.close()));
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await stop();
    throw describeListenError(cause, host, port);
  }
  const address = app.server.address();
  const listensOn = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listensOn}`,
    ...(isGenerated ? { credentials } : {}),
    stop,
  };
}

async function openSources({ redis: target, prefix, lanes, logger }: MonitorOptions): Promise<Sources> {
  const report = createOutageReport(logger);
  const redis = connect(target, { name: 'sluice:monitor' }, report.down);
  redis.on('ready', report.up);
  try {
    await within(REDIS_ANSWERS_WITHIN_MS, redis.ping());
  } catch (cause) {
    redis.disconnect();
    const message = `cannot reach Redis at ${describeTarget(target)}; is it running?`;
    throw Object.assign(new InputError(message, 3), { cause });
  }
  const usageRedis = connect(target, { name: 'sluice:monitor:usage', patient: true });
  const tally = startUsageTally(createUsageStream(usageRedis, createKeys(prefix)));
  const queues = lanes.map((lane) => openQueue(lane, redis, createKeys(prefix).queues));
  return {
    redis,
    queues,
    tally,
    async close() {
      tally.stop();
      usageRedis.disconnect();
      await Promise.all(queues.map((queue) => queue.close()));
      redis.disconnect();
    },
  };
}

function openQueue(lane: string, redis: Redis, prefix: string): Queue {
  // Whoever watches writes nothing: without this, the queue's settings would be overwritten with defaults.
  const queue = new Queue(lane, { connection: redis, prefix, skipMetasUpdate: true });
  // The connection's errors are reported where it was opened; an event without a listener would end the process.
  queue.on('error', () => {});
  return queue;
}

function createApp(options: MonitorOptions, sources: Sources, credentials: Credentials): FastifyInstance {
  const { writable = false, showPrompts = false, logger } = options;
  const app = fastify({ forceCloseConnections: true, bodyLimit: 65_536 });
  addProtection(app);
  app.addHook('onError', async (request, _reply, error) => {
    // The route's pattern, not the URL: that may hold what callers named their jobs.
    const route = `${request.method} ${request.routeOptions.url ?? '?'}`;
    logger?.warn({ route, reason: error.message }, 'the monitor could not answer');
  });
  app.setErrorHandler<Error & { statusCode?: number }>(({ statusCode = 500 }, _request, reply) =>
    reply.code(statusCode).send({ error: statusCode < 500 ? 'this request cannot be read' : 'internal error' }),
  );
  const requireLogin = addAccess(app, credentials);
  addHealth(app, sources.redis);
  app.register(async (guarded) => {
    guarded.addHook('onRequest', requireLogin);
    guarded.get('/', (_request, reply) => reply.redirect(BOARD_PATH));
    addMetrics(guarded, sources.queues, sources.tally, () => readGateMetrics(sources.redis, options.prefix));
    addBoard(guarded, sources.queues, { writable, showPrompts });
  });
  return app;
}

async function readGateMetrics(redis: Redis, prefix: string): Promise<GateReadings> {
  const keys = createKeys(prefix);
  const [gates, refusals] = await Promise.all([readGates(redis, keys), readLimitRefusals(redis, keys)]);
  return { gates, refusals };
}

/** One line when Redis goes and one when it is back, however often the client tries in between. */
function createOutageReport(logger: Logger | undefined) {
  let isDown = false;
  return {
    down: (error: Error): void => {
      if (!isDown) logger?.warn({ reason: error.message }, 'the monitor has lost Redis');
      isDown = true;
    },
    up: (): void => {
      if (isDown) logger?.info('the monitor has Redis back');
      isDown = false;
    },
  };
}

function describeListenError(cause: unknown, host: string, port: number): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const problems: Record<string, string> = {
    EADDRINUSE: `port ${port} is taken; choose another with --port`,
    EACCES: `port ${port} needs more rights; choose one above 1023 for the monitor`,
    EADDRNOTAVAIL: `this machine has no address ${host}; choose another with --host`,
  };
  const problem = problems[String(code)];
  return problem === undefined ? cause : Object.assign(new InputError(problem), { cause });
}
