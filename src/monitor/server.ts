import { fastify } from 'fastify';
import { describeListenError, urlOf } from './listening.ts';
import { createMonitor, DEFAULT_HOST, type Monitor, type MonitorOptions } from './monitor.ts';
import { PROTECTION_HEADERS } from './protection.ts';

export type MonitorServerOptions = MonitorOptions & {
  /** Default 3010; 0 takes any that is free. */
  port?: number;
};

export type MonitorServer = Pick<Monitor, 'credentials' | 'stop'> & {
  /** `http://127.0.0.1:3010` */
  url: string;
};

const DEFAULT_PORT = 3_010;

/** A server of its own for the monitor. Throws InputError when credentials are missing, Redis does not answer or the port is taken. */
export async function startMonitor(options: MonitorServerOptions): Promise<MonitorServer> {
  const { host = DEFAULT_HOST, port = DEFAULT_PORT } = options;
  const monitor = await createMonitor(options);
  const app = fastify({ forceCloseConnections: true });
  app.register(monitor.plugin);
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).headers(PROTECTION_HEADERS).send({ error: 'there is no such page' }),
  );
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= app.close().then(() => monitor.stop()));
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await stop();
    throw describeListenError(cause, host, port);
  }
  return {
    url: urlOf(app, host),
    ...(monitor.credentials ? { credentials: monitor.credentials } : {}),
    stop,
  };
}
