import type { MonitorServer, MonitorServerOptions } from '../monitor/index.ts';
import type { Installation } from './config-view.ts';
import { type Context, createLogger } from './context.ts';
import type { OpenRedis } from './redis.ts';

export type BoardOptions = Pick<
  MonitorServerOptions,
  'host' | 'port' | 'user' | 'password' | 'writable' | 'showPrompts'
>;

/** Serves the board over a command's Redis. Without a password in the options it is SLUICE_BOARD_PASSWORD. */
export async function startBoard(
  context: Context,
  installation: Installation,
  redis: OpenRedis,
  options: BoardOptions,
): Promise<MonitorServer> {
  // A fifth of the time that a command takes to start is the board's libraries, and the others do without them.
  const { startMonitor } = await import('../monitor/index.ts');
  const password = options.password ?? (context.env['SLUICE_BOARD_PASSWORD'] || undefined);
  return startMonitor({
    ...options,
    ...(password === undefined ? {} : { password }),
    redis: redis.target,
    prefix: installation.redis.prefix,
    lanes: Object.keys(installation.lanes),
    config: installation,
    logger: createLogger(context, 'warn'),
  });
}

/** `http://127.0.0.1:3010  (user sluice, password ...)`; a password that was given is not repeated. */
export function describeBoard({ url, credentials }: MonitorServer): string {
  if (credentials === undefined) return `${url}  (log in with the password that was set)`;
  return `${url}  (user ${credentials.user}, password ${credentials.password})`;
}
