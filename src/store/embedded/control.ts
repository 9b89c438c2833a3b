import { existsSync } from 'node:fs';
import { connect, disconnect, listOtherClients, readInfo, type Connection } from './connection.ts';
import { withLock } from './lock.ts';
import { locatePlace, type Place } from './place.ts';
import { assertOwnServer, readRecord, shutdownServer, terminateServer } from './server.ts';

export type EmbeddedRedisStatus =
  | { running: false }
  | {
      running: true;
      pid: number;
      /** All connections but the one that asked. */
      clients: number;
      /** The processes of the Sluice commands that use it. */
      userPids: number[];
      startedAt: Date;
      usedMemoryBytes: number;
    };

/** `in-use`: other Sluice processes are connected, and Redis was left running for them. */
export interface StopResult {
  outcome: 'not-running' | 'in-use' | 'stopped';
  /** The other Sluice processes that were connected. */
  userPids: number[];
}

const CONNECTION_NAME = `sluice-control:${process.pid}`;

/** Looks at the Redis of a working folder without starting or counting as a user of it. */
export async function embeddedRedisStatus(directory: string): Promise<EmbeddedRedisStatus> {
  const connection = await connectTo(locatePlace(directory));
  if (connection === undefined) return { running: false };
  try {
    const server = await readInfo(connection.redis, 'server');
    const memory = await readInfo(connection.redis, 'memory');
    const { userPids, count } = await listOtherClients(connection.redis);
    return {
      running: true,
      pid: Number(server['process_id']),
      clients: count,
      userPids,
      startedAt: new Date(Date.now() - Number(server['uptime_in_seconds']) * 1000),
      usedMemoryBytes: Number(memory['used_memory']),
    };
  } finally {
    await disconnect(connection);
  }
}

/**
 * Shuts down the Redis of a working folder, keeping its data: what is left after a kill -9, or with `force` also one
 * that other Sluice processes use.
 */
export async function stopEmbeddedRedis(directory: string, { force = false } = {}): Promise<StopResult> {
  const place = locatePlace(directory);
  if (!existsSync(place.dataDirectory)) return { outcome: 'not-running', userPids: [] };
  return withLock(place.lockPath, async () => {
    const connection = await connectTo(place);
    if (connection === undefined) return stopUnreachable(place);
    try {
      const { userPids } = await listOtherClients(connection.redis);
      if (userPids.length > 0 && !force) return { outcome: 'in-use', userPids };
      await shutdownServer(place, connection);
      return { outcome: 'stopped', userPids };
    } finally {
      await disconnect(connection);
    }
  });
}

/** What became of a folder's Redis. Whoever stops it holds the lock until its record is gone; a death leaves the record. */
export async function fateOfEmbeddedRedis(directory: string): Promise<'runs' | 'died' | 'stopped'> {
  const place = locatePlace(directory);
  return withLock(place.lockPath, async () => {
    if (readRecord(place) !== undefined) return 'runs';
    return existsSync(place.recordPath) ? 'died' : 'stopped';
  });
}

async function connectTo(place: Place): Promise<Connection | undefined> {
  const connection = await connect(readRecord(place)?.socketPath ?? place.socketPath, CONNECTION_NAME);
  if (connection === undefined) return undefined;
  try {
    assertOwnServer(place, connection, (await readInfo(connection.redis, 'server'))['config_file']);
    return connection;
  } catch (error) {
    await disconnect(connection);
    throw error;
  }
}

async function stopUnreachable(place: Place): Promise<StopResult> {
  const record = readRecord(place);
  if (record === undefined) return { outcome: 'not-running', userPids: [] };
  await terminateServer(place, record);
  return { outcome: 'stopped', userPids: [] };
}
