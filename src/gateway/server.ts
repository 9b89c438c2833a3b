import { randomUUID } from 'node:crypto';
import { type FastifyInstance, fastify } from 'fastify';
import type { Logger } from 'pino';
import { isLoopbackHost } from '../domain/address.ts';
import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { describeListenError, type Monitor, urlOf } from '../monitor/index.ts';
import { Batches, Producer } from '../producer/index.ts';
import { createKeys } from '../store/keys.ts';
import { connect, type RedisTarget } from '../store/redis.ts';
import { addApi } from './api.ts';
import { createBatchDriver } from './batches/driver.ts';
import { createDoor } from './door.ts';
import { createErrorSender, refuseConnection } from './error-sender.ts';
import { type Places, createPlaces } from './places.ts';
import type { ExchangeTools } from './running.ts';

export type GatewayOptions = {
  config: Config;
  redis: RedisTarget;
  logger: Logger;
  /** Where relative paths of the configuration begin. */
  folder: string;
  /** Default: `gateway.host` and `gateway.port`; port 0 takes any that is free. */
  host?: string;
  port?: number;
  /** Lets callers in that have no key; only on a loopback address. */
  allowAnonymous?: boolean;
  /** Pages for people, beside the API. */
  monitor?: Monitor['plugin'];
};

export type Gateway = {
  /** `http://127.0.0.1:4000` */
  url: string;
  /** Takes no more requests, grants those under way `drainMs`, then cuts them off. May be called again. */
  stop(drainMs?: number): Promise<void>;
};

const SWEEP_MS = 50;
/** For what has to be done for requests that were cut off; without Redis it cannot be. */
const ENDED_WITHIN_MS = 5_000;

/** Throws an InputError when the port is taken, or when anybody would be let in from anywhere. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, logger, monitor } = options;
  const { host = config.gateway.host, port = config.gateway.port, allowAnonymous = false } = options;
  if (allowAnonymous && !isLoopbackHost(host)) {
    throw new InputError(
      `callers without a key are let in on a loopback address only, not on ${host}; make keys instead`,
    );
  }
  const { tools, close } = openTools(options);
  const app = createApp(config, logger);
  const driver = createBatchDriver(tools);
  const stop = createStop(app, tools.places, async () => {
    // Whoever was cut off has a job to be cancelled.
    const isEmpty = await tools.places.empty(ENDED_WITHIN_MS);
    if (!isEmpty) options.logger.warn('stops while requests that were cut off have not ended yet');
    await driver.stop();
    await close();
  });
  addApi(app, tools, { allowAnonymous, isStopping: () => stop.hasBegun() });
  if (monitor) app.register(monitor);
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await stop.run(0);
    throw describeListenError(cause, host, port);
  }
  driver.start();
  logger.debug({ host, port }, 'gateway listens');
  return { url: urlOf(app, host), stop: (drainMs = config.gateway.drain) => stop.run(drainMs) };
}

function openTools({ config, redis: target, logger, folder }: GatewayOptions): {
  tools: ExchangeTools;
  close: () => Promise<void>;
} {
  const keys = createKeys(config.redis.prefix);
  const redis = connect(target, { name: 'sluice:gateway' });
  const producer = new Producer({ config, redis: target });
  const batches = new Batches({ config, redis: target });
  const base = { config, folder, target, redis, keys, producer, batches, logger, now: Date.now };
  return {
    tools: {
      ...base,
      door: createDoor(base),
      places: createPlaces({ most: config.gateway.most_waiting, mostBytes: config.gateway.most_waiting_bytes }),
    },
    async close() {
      await producer.close();
      await batches.close();
      redis.disconnect();
    },
  };
}

function createApp(config: Config, logger: Logger): FastifyInstance {
  const sendError = createErrorSender(logger);
  return fastify({
    bodyLimit: config.gateway.body_limit_bytes,
    genReqId: () => `req_${randomUUID().replaceAll('-', '')}`,
    // Longer than load balancers keep an idle connection.
    keepAliveTimeout: 75_000,
    routerOptions: { maxParamLength: 512 },
    forceCloseConnections: 'idle',
    // Without these the framework answers in its own words, by itself.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
    clientErrorHandler: refuseConnection,
  });
}

/**
 * First nobody new is let in, while the server goes on listening, so that whoever looks whether it is ready is told; then
 * those inside are waited for, then cut off; what they used is closed last.
 */
function createStop(app: FastifyInstance, places: Places, close: () => Promise<void>): Stop {
  let stopping: Promise<void> | undefined;
  const stop = async (drainMs: number): Promise<void> => {
    const startedAt = performance.now();
    await places.empty(drainMs);
    // A connection whose answer has gone out waits for the next request, which will not be taken.
    const sweep = setInterval(() => app.server.closeIdleConnections(), SWEEP_MS);
    const leftMs = Math.max(0, drainMs - (performance.now() - startedAt));
    const cut = setTimeout(() => app.server.closeAllConnections(), leftMs);
    await app.close();
    clearTimeout(cut);
    clearInterval(sweep);
    await close();
  };
  return { run: (drainMs) => (stopping ??= stop(drainMs)), hasBegun: () => stopping !== undefined };
}

/** May be run again. */
type Stop = { run: (drainMs: number) => Promise<void>; hasBegun: () => boolean };
