import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { findRedisServer, nameOf, type RedisBinary } from '../../src/store/embedded/find.ts';

export type RedisServerOptions = {
  /** Where its data and its log lie. */
  directory: string;
  /** Default everysec. */
  appendfsync?: 'everysec' | 'always';
  /** Default: any that is free. */
  port?: number;
  /** As on its command line: `--maxmemory`, `100mb`. */
  extraArguments?: readonly string[];
};

/** A Redis of one's own on 127.0.0.1, with AOF and without eviction, that may be treated badly. */
export type RedisServer = {
  readonly port: number;
  /** Another one after each restart. */
  readonly pid: number;
  readonly binary: RedisBinary;
  /** SIGKILL; resolves when the process has gone. */
  killHard(): Promise<void>;
  /** After `killHard`: the same port and data. Resolves when the data have been loaded. */
  restart(): Promise<void>;
  suspend(): void;
  resume(): void;
  /** From now on its files may not grow: each write of the AOF fails, as it does on a full disk. Linux only. */
  fillDisk(): Promise<void>;
  /** Ends what `fillDisk` began. */
  freeDisk(): Promise<void>;
  /** Safe to call twice, and in any state. */
  stop(): Promise<void>;
};

const READY_WITHIN_MS = 20_000;
const READY_POLL_MS = 20;
const STOP_WITHIN_MS = 5_000;
const LOOPBACK = '127.0.0.1';
const AOF_DIRECTORY = 'appendonlydir';
// A limit of the size of files raises a signal that ends the process, unless it has been told to ignore it.
const WITHOUT_SIZE_SIGNAL = 'trap "" XFSZ; exec "$0" "$@"';

/** Throws when no server program is there, or when it does not get ready. */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  const binary = await findBinary();
  const port = options.port ?? (await findFreePort());
  await mkdir(options.directory, { recursive: true });
  let child = await launch(binary, port, options);
  const signal = (name: NodeJS.Signals): void => void child.kill(name);
  // Whatever ends this process, its server goes with it.
  const endWithUs = (): void => signal('SIGKILL');
  process.on('exit', endWithUs);

  const killHard = async (): Promise<void> => {
    signal('SIGKILL');
    await ended(child);
  };
  const stop = async (): Promise<void> => {
    process.off('exit', endWithUs);
    signal('SIGCONT');
    signal('SIGTERM');
    const timer = setTimeout(signal, STOP_WITHIN_MS, 'SIGKILL');
    await ended(child);
    clearTimeout(timer);
  };
  return {
    port,
    get pid() {
      return pidOf(child);
    },
    binary,
    killHard,
    restart: async () => {
      child = await launch(binary, port, options);
    },
    suspend: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    fillDisk: () => limitFileSize(pidOf(child), largestFileIn(join(options.directory, AOF_DIRECTORY))),
    freeDisk: () => limitFileSize(pidOf(child), 'unlimited'),
    stop,
  };
}

/** Whether `fillDisk` can be had on this machine. */
export async function canFillDisk(): Promise<boolean> {
  return promisify(execFile)('prlimit', ['--version']).then(
    () => true,
    () => false,
  );
}

/** SLUICE_REDIS_BINARY names another one than the first that is found, such as a newer Redis or a Valkey. */
async function findBinary(): Promise<RedisBinary> {
  const path = process.env['SLUICE_REDIS_BINARY'];
  if (path !== undefined && path !== '') {
    const { stdout } = await promisify(execFile)(path, ['--version']);
    return { path, name: nameOf(path), version: /\bv=(\S+)/.exec(stdout)?.[1] ?? 'unknown' };
  }
  const found = await findRedisServer();
  if (found === undefined) throw new Error('no redis-server found; install one or name it by SLUICE_REDIS_BINARY');
  return found;
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function launch(binary: RedisBinary, port: number, options: RedisServerOptions): Promise<ChildProcess> {
  const { directory, appendfsync = 'everysec', extraArguments = [] } = options;
  const settings = {
    port: String(port),
    bind: LOOPBACK,
    dir: directory,
    logfile: join(directory, 'redis.log'),
    appendonly: 'yes',
    appenddirname: AOF_DIRECTORY,
    appendfsync,
    save: '',
    'maxmemory-policy': 'noeviction',
  };
  const serverArguments = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn('sh', ['-c', WITHOUT_SIZE_SIGNAL, binary.path, ...serverArguments, ...extraArguments], {
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  try {
    await waitUntilReady(child, port);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${binary.path} did not get ready; see ${settings.logfile}`, { cause: error });
  }
  return child;
}

/** PING is refused while the data are being loaded. */
async function waitUntilReady(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    if (hasEnded(child)) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`);
    const redis = new Redis(port, LOOPBACK, { lazyConnect: true, retryStrategy: () => null, enableReadyCheck: false });
    redis.on('error', () => {});
    try {
      await redis.ping();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    } finally {
      redis.disconnect();
    }
    await pause(READY_POLL_MS);
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('redis-server was not started');
  return child.pid;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function ended(child: ChildProcess): Promise<void> {
  if (!hasEnded(child)) await once(child, 'exit');
}

/** The soft limit alone, so that it can be raised again. */
async function limitFileSize(pid: number, limit: number | 'unlimited'): Promise<void> {
  await promisify(execFile)('prlimit', [`--fsize=${limit}:unlimited`, '--pid', String(pid)]);
}

/** In bytes. An AOF is more than one file; the one that grows is never much smaller than the rest. */
function largestFileIn(directory: string): number {
  return Math.max(...readdirSync(directory).map((name) => statSync(join(directory, name)).size));
}
