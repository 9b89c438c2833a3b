import { fastify } from 'fastify';
import { InputError } from '../domain/errors.ts';
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
  const address = app.server.address();
  const listensOn = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listensOn}`,
    ...(monitor.credentials ? { credentials: monitor.credentials } : {}),
    stop,
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
