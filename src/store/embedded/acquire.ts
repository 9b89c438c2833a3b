import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connect,
  describeBinary,
  disconnect,
  isAnswering,
  listOtherClients,
  readInfo,
  waitUntilLoaded,
} from './connection.ts';
import type { Connection, OtherClients } from './connection.ts';
import { EmbeddedRedisError } from './embedded-redis-error.ts';
import { findRedisServer, type RedisBinary } from './find.ts';
import { installRedisServer, redisMissingMessage } from './install.ts';
import { withLock } from './lock.ts';
import { preparePlace, type Place } from './place.ts';
import { assertOwnServer, describeDeath, readRecord, shutdownServer, startServer, terminateServer } from './server.ts';

export interface AcquireOptions {
  /** The working folder; the data live in its `.sluice/redis`. */
  directory: string;
  /** Whether a missing server may be installed with apt-get; a function is asked only when one is missing. */
  install: boolean | (() => Promise<boolean>);
  /** Gets one line when something happens that the user should know. */
  log: (line: string) => void;
  /** How a server program is found. */
  find?: () => Promise<RedisBinary | undefined>;
}

/** One use of the folder's Redis, which runs for as long as somebody uses it. */
export interface EmbeddedRedis {
  socketPath: string;
  /** Options for `new Redis(…)`. */
  connection: { path: string };
  /** False when it ran already. */
  startedHere: boolean;
  binary: RedisBinary;
  /**
   * Ends this use; the last one out shuts Redis down and waits until it has gone. All other connections of this
   * process must be closed before. May be called again; then it returns the same promise.
   */
  release(): Promise<void>;
}

const CLOSING_GRACE_MS = 1_000;
const CLOSING_POLL_MS = 20;

/**
 * Joins the Redis of this working folder, or starts it, installing the server program first when `install` allows it.
 * Throws EmbeddedRedisError when there is no server program (see redisMissingMessage) or it does not start.
 */
export async function acquireEmbeddedRedis(options: AcquireOptions): Promise<EmbeddedRedis> {
  const place = preparePlace(options.directory);
  // Asked before the lock is taken: the answer may take a person, and others should not wait for it.
  const binary = readRecord(place) === undefined ? await requireBinary(options) : undefined;
  const name = `sluice-user:${process.pid}:${randomUUID()}`;
  const { connection, startedHere } = await withLock(place.lockPath, async () => {
    const joined = await joinServer(place, name);
    if (joined !== undefined) return { connection: joined, startedHere: false };
    const started = await startServer(place, binary ?? (await requireBinary(options)), name);
    return { connection: started, startedHere: true };
  });
  let released: Promise<void> | undefined;
  const release = (): Promise<void> => (released ??= leaveServer(place, connection, options.log));
  try {
    await confirmLoaded(place, connection);
    const info = await readInfo(connection.redis, 'server');
    assertOwnServer(place, connection, info['config_file']);
    connection.reconnects = true;
    const { socketPath } = connection;
    return { socketPath, connection: { path: socketPath }, startedHere, binary: describeBinary(info), release };
  } catch (error) {
    // What went wrong first is what the user must hear about.
    await release().catch(() => undefined);
    throw error;
  }
}

async function requireBinary({ install, log, find = findRedisServer }: AcquireOptions): Promise<RedisBinary> {
  const found = await find();
  if (found !== undefined) return found;
  const mayInstall = typeof install === 'function' ? await install() : install;
  if (!mayInstall) throw new EmbeddedRedisError(redisMissingMessage());
  return installRedisServer({ log, find });
}

async function joinServer(place: Place, name: string): Promise<Connection | undefined> {
  const record = readRecord(place);
  const connection = await connect(record?.socketPath ?? place.socketPath, name);
  // Its socket was removed: nobody can reach it any more, and two servers must not write the same files.
  if (connection === undefined && record !== undefined) await terminateServer(place, record);
  return connection;
}

async function confirmLoaded(place: Place, connection: Connection): Promise<void> {
  try {
    await waitUntilLoaded(connection);
  } catch (error) {
    if (connection.redis.status !== 'ready') throw describeDeath(place);
    if (error instanceof EmbeddedRedisError) throw error;
    throw new EmbeddedRedisError(`Redis refuses to work: ${(error as Error).message}; see ${place.logPath}`, {
      cause: error,
    });
  }
}

async function leaveServer(place: Place, connection: Connection, log: (line: string) => void): Promise<void> {
  connection.reconnects = false;
  const leave = () => leaveOrShutDown(place, connection, log);
  try {
    // Without the folder there is no lock to take, and no new user who could come.
    await (existsSync(place.dataDirectory) ? withLock(place.lockPath, leave) : leave());
  } finally {
    await disconnect(connection);
  }
}

async function leaveOrShutDown(place: Place, own: Connection, log: (line: string) => void): Promise<void> {
  // Redis may have been killed and started again by another user since the own connection was lost.
  const connection = (await isAnswering(own)) ? own : await connect(own.socketPath, 'sluice-leaving');
  if (connection === undefined) return;
  const others = await listRemainingClients(connection);
  if (others.count === 0) {
    await shutdownServer(place, connection);
    return;
  }
  if (others.userPids.length === 0) {
    log(`Redis keeps running for ${others.count} connection(s) that are not Sluice's; "sluice down" stops it`);
  }
  await disconnect(connection);
}

/** When only nameless connections remain, they may be this process' own that are just being closed. */
async function listRemainingClients({ redis }: Connection): Promise<OtherClients> {
  const deadlineMs = Date.now() + CLOSING_GRACE_MS;
  for (;;) {
    const others = await listOtherClients(redis);
    if (others.count === 0 || others.userPids.length > 0 || Date.now() > deadlineMs) return others;
    await sleep(CLOSING_POLL_MS);
  }
}
