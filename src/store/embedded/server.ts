import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, readInfo, type Connection } from './connection.ts';
import { EmbeddedRedisError } from './embedded-redis-error.ts';
import type { RedisBinary } from './find.ts';
import type { Place } from './place.ts';
import { identifyProcess, isAlive, waitUntilGone, type ProcessIdentity } from './process-identity.ts';

/** Our own note of the server that was started last. Redis' pidfile cannot be relied on: any of its servers removes it. */
export interface ServerRecord extends ProcessIdentity {
  socketPath: string;
}

const START_TIMEOUT_MS = 60_000;
const START_POLL_MS = 10;
const STOP_TIMEOUT_MS = 10_000;
const LOG_TAIL_LINES = 6;
// Redis outlives the command that starts it, so it does not inherit the command's environment, which may hold keys.
const INHERITED_VARIABLES = ['PATH', 'HOME', 'LANG', 'TZ', 'LD_LIBRARY_PATH'];

/**
 * Starts a Redis of its own session and returns the first connection to it; its data may still be loading. Throws
 * EmbeddedRedisError with the end of its log when it dies instead. Call it under the lock.
 */
export async function startServer(place: Place, binary: RedisBinary, connectionName: string): Promise<Connection> {
  writeFileSync(place.configPath, renderConfig(place), { mode: 0o600 });
  const child = spawnServer(place, binary);
  let spawnFailure: Error | undefined;
  child.once('error', (error) => {
    spawnFailure = error;
  });
  if (child.pid !== undefined) writeRecord(place, child.pid);
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadlineMs) {
    // A server that dies may still accept a connection and drop it; only its end or the time decides.
    const connection = await connect(place.socketPath, connectionName).catch(() => undefined);
    if (connection !== undefined) return connection;
    if (spawnFailure !== undefined) {
      throw new EmbeddedRedisError(`Cannot run ${binary.path}: ${spawnFailure.message}`, { cause: spawnFailure });
    }
    if (child.exitCode !== null || child.signalCode !== null) throw describeDeath(place);
    await sleep(START_POLL_MS);
  }
  child.kill('SIGKILL');
  throw new EmbeddedRedisError(
    `${binary.path} opened no socket within ${START_TIMEOUT_MS / 1000} s. ${quoteLog(place)}`,
  );
}

/** The record of the server that was started last, when that process still lives. */
export function readRecord(place: Place): ServerRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(place.recordPath, 'utf8')) as ServerRecord;
    return isAlive(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** SHUTDOWN (which flushes the AOF), and waits until the process has gone. Refuses a server that is not this place's. */
export async function shutdownServer(place: Place, connection: Connection): Promise<void> {
  const info = await readInfo(connection.redis, 'server');
  assertOwnServer(place, connection, info['config_file']);
  const pid = Number(info['process_id']);
  const server = { pid, identity: identifyProcess(pid) ?? '' };
  connection.reconnects = false;
  await connection.redis.shutdown().catch((error: Error) => {
    // The normal answer is the end of the connection; a reply is always a refusal.
    if (error.name === 'ReplyError') throw new EmbeddedRedisError(`Redis refuses to shut down: ${error.message}`);
  });
  await confirmGone(server, place);
}

/** Ends a server whose socket has gone, so that nobody can reach it any more. SIGTERM flushes the AOF as well. */
export async function terminateServer(place: Place, server: ProcessIdentity): Promise<void> {
  process.kill(server.pid, 'SIGTERM');
  await confirmGone(server, place);
}

/** Never stop, flush or join a Redis that somebody else configured. */
export function assertOwnServer(place: Place, connection: Connection, configFile: string | undefined): void {
  if (configFile === place.configPath) return;
  throw new EmbeddedRedisError(
    `The Redis on ${connection.socketPath} was not started by Sluice (its configuration is ${configFile || 'none'}), ` +
      'so it is left alone. Stop it or run in another folder.',
  );
}

/** The error for a server that died; its log holds the reason. */
export function describeDeath(place: Place): EmbeddedRedisError {
  return new EmbeddedRedisError(`Redis ended while it started. ${quoteLog(place)}`);
}

async function confirmGone(server: ProcessIdentity, place: Place): Promise<void> {
  if (await waitUntilGone(server, STOP_TIMEOUT_MS)) {
    // When somebody removed the folder meanwhile, the files there belong to a newer server.
    if (readRecord(place) === undefined) removeTraces(place);
    return;
  }
  throw new EmbeddedRedisError(
    `Redis (pid ${server.pid}) has not ended within ${STOP_TIMEOUT_MS / 1000} s; see ${place.logPath}.`,
  );
}

function removeTraces(place: Place): void {
  rmSync(place.recordPath, { force: true });
  rmSync(place.socketPath, { force: true });
  const socketDirectory = dirname(place.socketPath);
  if (socketDirectory !== place.dataDirectory) rmSync(socketDirectory, { recursive: true, force: true });
}

function spawnServer(place: Place, binary: RedisBinary): ChildProcess {
  rotateLog(place);
  const log = openSync(place.logPath, 'a', 0o600);
  try {
    const child = spawn(binary.path, [place.configPath], {
      cwd: place.dataDirectory,
      detached: true,
      stdio: ['ignore', log, log],
      env: Object.fromEntries(INHERITED_VARIABLES.map((name) => [name, process.env[name]])),
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

function writeRecord(place: Place, pid: number): void {
  const record: ServerRecord = { pid, identity: identifyProcess(pid) ?? '', socketPath: place.socketPath };
  writeFileSync(place.recordPath, JSON.stringify(record), { mode: 0o600 });
}

function renderConfig(place: Place): string {
  const settings: readonly (readonly [string, string])[] = [
    ['port', '0'],
    ['unixsocket', quote(place.socketPath)],
    ['unixsocketperm', '600'],
    ['daemonize', 'no'],
    ['dir', quote(place.dataDirectory)],
    ['logfile', quote(place.logPath)],
    ['pidfile', quote(place.pidPath)],
    ['save', '""'],
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
    ['maxmemory-policy', 'noeviction'],
  ];
  const lines = settings.map(([name, value]) => `${name} ${value}\n`);
  return `# Written by Sluice at each start of its own Redis; changes made here are lost.\n${lines.join('')}`;
}

// The quoting of redis.conf: a backslash escapes the quote and itself.
function quote(path: string): string {
  return `"${path.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

// One log for each start, so that the end of the log is about this start; the one before is kept.
function rotateLog(place: Place): void {
  try {
    renameSync(place.logPath, place.previousLogPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function quoteLog(place: Place): string {
  let text = '';
  try {
    text = readFileSync(place.logPath, 'utf8');
  } catch {
    return `There is no log at ${place.logPath}.`;
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return `The end of ${place.logPath}:\n${lines.slice(-LOG_TAIL_LINES).join('\n')}`;
}
