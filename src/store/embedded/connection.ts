import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { EmbeddedRedisError } from './embedded-redis-error.ts';
import { nameOf, type RedisBinary } from './find.ts';

/** One connection to an embedded Redis. It comes back after a loss only while `reconnects` is set. */
export interface Connection {
  redis: Redis;
  socketPath: string;
  reconnects: boolean;
}

export interface OtherClients {
  /** The processes of other Sluice users, from the names of their connections. */
  userPids: number[];
  /** All connections but this one. */
  count: number;
}

/** Fields of one section of INFO. */
export type Info = Readonly<Record<string, string>>;

type Attempt =
  | { connection: Connection; failure?: undefined }
  | { connection?: undefined; failure: NodeJS.ErrnoException };

const USER_NAME = /^sluice-user:(\d+):/;
const NOBODY_LISTENS = new Set(['ENOENT', 'ECONNREFUSED']);
const DROPPED = new Set(['ECONNRESET', 'EPIPE']);
const DROPPED_RETRY_MS = 2_000;
const DROPPED_POLL_MS = 20;
const COMMAND_TIMEOUT_MS = 10_000;
const RECONNECT_DELAY_MS = 100;
const LOADING_POLL_MS = 50;
const LOADING_STALL_MS = 60_000;

/** Undefined when nobody listens on the socket; throws EmbeddedRedisError when somebody does but does not answer. */
export async function connect(socketPath: string, name: string): Promise<Connection | undefined> {
  const deadlineMs = Date.now() + DROPPED_RETRY_MS;
  for (;;) {
    const { connection, failure } = await tryToConnect(socketPath, name);
    if (connection !== undefined) return connection;
    const code = failure.code ?? '';
    if (NOBODY_LISTENS.has(code)) return undefined;
    // A server that is just ending accepts a connection and drops it; a moment later nobody listens.
    if (!DROPPED.has(code) || Date.now() > deadlineMs) {
      const message = `The Redis on ${socketPath} does not answer (${failure.message}). Try again, or end it.`;
      throw new EmbeddedRedisError(message, { cause: failure });
    }
    await sleep(DROPPED_POLL_MS);
  }
}

async function tryToConnect(socketPath: string, name: string): Promise<Attempt> {
  let failure: NodeJS.ErrnoException | undefined;
  const redis = new Redis({
    path: socketPath,
    connectionName: name,
    lazyConnect: true,
    // A server that still loads its data must count its users too; see waitUntilLoaded.
    enableReadyCheck: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: () => (connection.reconnects ? RECONNECT_DELAY_MS : null),
  });
  const connection: Connection = { redis, socketPath, reconnects: false };
  redis.on('error', (error: NodeJS.ErrnoException) => {
    failure = error;
  });
  try {
    await redis.connect();
    return { connection };
  } catch (error) {
    await disconnect(connection);
    return { failure: failure ?? Object.assign(error as Error, { code: 'ECONNRESET' }) };
  }
}

/** Closes the connection for good, and returns only when the server does not count it any more. */
export async function disconnect(connection: Connection): Promise<void> {
  const { redis } = connection;
  connection.reconnects = false;
  // A client that waits to reconnect never reports its end; one last attempt settles it.
  if (redis.status === 'reconnecting') await waitForEvent(redis, ['ready', 'end']);
  // On an ended client, `disconnect()` would only start a timer that keeps the process alive for two seconds.
  if (hasEnded(redis)) return;
  const ended = waitForEvent(redis, ['end']);
  await redis.quit().catch(() => undefined);
  if (!hasEnded(redis)) redis.disconnect();
  await ended;
}

/** False when the server has gone or been replaced since the connection was made. */
export async function isAnswering({ redis }: Connection): Promise<boolean> {
  if (redis.status !== 'ready') return false;
  // Unlike PING, this is answered while the data are loading and after a failed write.
  return redis.client('ID').then(
    () => true,
    () => false,
  );
}

/** Waits for the data to be loaded, for as long as that makes progress. Rejects when the server dies meanwhile. */
export async function waitUntilLoaded({ redis, socketPath }: Connection): Promise<void> {
  let loadedBytes = '';
  let deadlineMs = Date.now() + LOADING_STALL_MS;
  for (;;) {
    const info = await readInfo(redis, 'persistence');
    if (info['loading'] !== '1') break;
    if (info['loading_loaded_bytes'] !== loadedBytes) {
      loadedBytes = info['loading_loaded_bytes'] ?? '';
      deadlineMs = Date.now() + LOADING_STALL_MS;
    }
    if (Date.now() > deadlineMs) {
      throw new EmbeddedRedisError(`The Redis on ${socketPath} has stopped loading its data at ${loadedBytes} bytes.`);
    }
    await sleep(LOADING_POLL_MS);
  }
  // PING fails when Redis refuses work, such as after a failed write of its AOF.
  await redis.ping();
}

export async function listOtherClients(redis: Redis): Promise<OtherClients> {
  const ownId = await redis.client('ID');
  const lines = String(await redis.client('LIST'))
    .trim()
    .split('\n');
  const others = lines.filter((line) => !line.startsWith(`id=${ownId} `));
  const userPids = others.flatMap((line) => USER_NAME.exec(/ name=(\S*)/.exec(line)?.[1] ?? '')?.[1] ?? []);
  return { userPids: userPids.map(Number), count: others.length };
}

export async function readInfo(redis: Redis, section: 'server' | 'persistence' | 'memory'): Promise<Info> {
  const lines = (await redis.info(section)).split('\r\n').filter((line) => line.includes(':'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** The program that a running server was started from. */
export function describeBinary(serverInfo: Info): RedisBinary {
  const path = serverInfo['executable'] ?? '';
  return { path, name: nameOf(path), version: serverInfo['valkey_version'] ?? serverInfo['redis_version'] ?? '' };
}

function hasEnded(redis: Redis): boolean {
  return redis.status === 'end';
}

function waitForEvent(redis: Redis, names: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    for (const name of names) redis.once(name, () => resolve());
  });
}
