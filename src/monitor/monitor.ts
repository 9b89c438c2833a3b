import { Queue } from 'bullmq';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { readGates, readLimitRefusals } from '../store/gates/read.ts';
import { createKeys, type Keys } from '../store/keys.ts';
import { connect, describeTarget, type RedisTarget } from '../store/redis.ts';
import { createUsageStream } from '../store/usage-stream.ts';
import { addAccess } from './access.ts';
import { addBoard } from './board.ts';
import { type Credentials, resolveCredentials } from './credentials.ts';
import { within } from './deadline.ts';
import type { GateReadings } from './gate-metrics.ts';
import { addHealth } from './health.ts';
import { addMetrics } from './metrics.ts';
import { addProtection } from './protection.ts';
import { addStatus } from './status/routes.ts';
import { createStatusReader } from './status/status.ts';
import { createStateReader } from './state-metrics.ts';
import { startUsageTally, type UsageTally } from './usage-tally.ts';

export type MonitorOptions = {
  redis: RedisTarget;
  /** Of all keys; `{sluice}`. */
  prefix: string;
  /** Names of the queues. */
  lanes: readonly string[];
  /** What is configured, where that is known: without it the status page tells only of what was used. */
  config?: Partial<Pick<Config, 'models' | 'providers' | 'budgets'>>;
  /** What the server listens on; default 127.0.0.1. Any other than loopback wants `user` and `password`. */
  host?: string;
  user?: string;
  password?: string;
  /** Lets the board retry, promote, pause and remove. Default false. */
  writable?: boolean;
  /** Shows prompts on the board; without it, only their length. Default false. */
  showPrompts?: boolean;
  /** Why the server is to get no more requests, for `/readyz`: it is draining. Undefined: it may get some. */
  whyUnready?: () => string | undefined;
  logger?: Logger;
};

/** What a server shows to people and to what watches it. */
export type Monitor = {
  /**
   * Registered with a server it adds `/`, `/board`, `/metrics`, `/login`, `/logout`, `/icon.svg`, `/status.js`, `/healthz` and `/readyz`. All of its hooks, its
   * headers and its way to answer errors stay with these routes.
   */
  plugin: FastifyPluginAsync;
  /** The credentials made up for this start, to be printed; undefined when a password was given. */
  credentials?: Credentials;
  /** Ends every connection; after the server was closed. May be called again. */
  stop(): Promise<void>;
};

const REDIS_ANSWERS_WITHIN_MS = 5_000;
const MOST_BODY_BYTES = 65_536;

type Redis = ReturnType<typeof connect>;

/** What the monitor reads from, opened together and closed together. */
type Sources = { redis: Redis; queues: Queue[]; startTally(): UsageTally; close(): Promise<void> };

/** Throws InputError when credentials are missing or Redis does not answer. */
export async function createMonitor(options: MonitorOptions): Promise<Monitor> {
  const { credentials, isGenerated } = resolveCredentials(options.host ?? DEFAULT_HOST, options);
  const sources = await openSources(options);
  let stopping: Promise<void> | undefined;
  return {
    plugin: async (app) => addRoutes(app, options, sources, credentials),
    ...(isGenerated ? { credentials } : {}),
    stop: () => (stopping ??= sources.close()),
  };
}

/** Where a monitor listens that is told nothing else. */
export const DEFAULT_HOST = '127.0.0.1';

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
  const keys = createKeys(prefix);
  const queues = lanes.map((lane) => openQueue(lane, redis, keys.queues));
  let usageRedis: Redis | undefined;
  let tally: UsageTally | undefined;
  return {
    redis,
    queues,
    startTally() {
      // A connection of its own: it waits there for what comes.
      usageRedis ??= connect(target, { name: 'sluice:monitor:usage', patient: true });
      return (tally ??= startUsageTally(createUsageStream(usageRedis, keys)));
    },
    async close() {
      tally?.stop();
      usageRedis?.disconnect();
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

function addRoutes(app: FastifyInstance, options: MonitorOptions, sources: Sources, credentials: Credentials): void {
  const { writable = false, showPrompts = false, whyUnready, config, logger } = options;
  const keys = createKeys(options.prefix);
  app.addHook('onRoute', (route) => {
    route.bodyLimit ??= MOST_BODY_BYTES;
  });
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
  addHealth(app, sources.redis, whyUnready);
  app.register(async (guarded) => {
    guarded.addHook('onRequest', requireLogin);
    addStatus(guarded, createStatusReader({ ...sources, keys, config }));
    addMetrics(guarded, {
      ...sources,
      readGates: () => readGateMetrics(sources.redis, keys),
      readState: createStateReader(sources.redis, keys, config?.budgets),
    });
    addBoard(guarded, sources.queues, { writable, showPrompts });
  });
}

async function readGateMetrics(redis: Redis, keys: Keys): Promise<GateReadings> {
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
