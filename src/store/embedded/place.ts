import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EmbeddedRedisError } from './embedded-redis-error.ts';

/** Where the embedded Redis of one working folder keeps its things; all paths are absolute. */
export interface Place {
  /** `<working folder>/.sluice` */
  sluiceDirectory: string;
  /** `<working folder>/.sluice/redis`, only for the user's eyes: the data, the configuration, the log, the lock. */
  dataDirectory: string;
  socketPath: string;
  configPath: string;
  logPath: string;
  previousLogPath: string;
  pidPath: string;
  recordPath: string;
  lockPath: string;
}

// sockaddr_un holds 104 bytes on macOS and 108 on Linux.
const SOCKET_PATH_LIMIT_BYTES = 100;

/** The place that belongs to a working folder. Creates nothing. */
export function locatePlace(workingDirectory: string): Place {
  const sluiceDirectory = join(resolveLinks(workingDirectory), '.sluice');
  const dataDirectory = join(sluiceDirectory, 'redis');
  return {
    sluiceDirectory,
    dataDirectory,
    socketPath: chooseSocketPath(dataDirectory),
    configPath: join(dataDirectory, 'redis.conf'),
    logPath: join(dataDirectory, 'redis.log'),
    previousLogPath: join(dataDirectory, 'redis.previous.log'),
    pidPath: join(dataDirectory, 'redis.pid'),
    recordPath: join(dataDirectory, 'server.json'),
    lockPath: join(dataDirectory, 'lock'),
  };
}

/** Locates the place and creates its folders. */
export function preparePlace(workingDirectory: string): Place {
  const place = locatePlace(workingDirectory);
  try {
    mkdirSync(place.dataDirectory, { recursive: true, mode: 0o700 });
    ignoreInGit(place.sluiceDirectory);
  } catch (error) {
    throw new EmbeddedRedisError(
      `Cannot keep Redis data in ${place.dataDirectory}: ${(error as Error).message}. ` +
        'Make the folder writable, run in another one, or set REDIS_URL.',
      { cause: error },
    );
  }
  const socketDirectory = dirname(place.socketPath);
  if (socketDirectory !== place.dataDirectory) preparePrivateDirectory(socketDirectory);
  return place;
}

function chooseSocketPath(dataDirectory: string): string {
  const inside = join(dataDirectory, 'redis.sock');
  if (Buffer.byteLength(inside) < SOCKET_PATH_LIMIT_BYTES) return inside;
  const hash = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 16);
  const outside = join(tmpdir(), `sluice-${process.getuid?.() ?? 'user'}-${hash}`, 'redis.sock');
  if (Buffer.byteLength(outside) < SOCKET_PATH_LIMIT_BYTES) return outside;
  throw new EmbeddedRedisError(
    `No room for a unix socket: ${inside} and ${outside} both exceed ${SOCKET_PATH_LIMIT_BYTES} bytes. ` +
      'Set TMPDIR to a shorter path, run in a folder less deep, or set REDIS_URL.',
  );
}

/** A folder in a place where everybody may write: it must be ours alone, or the socket could be somebody else's. */
function preparePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new EmbeddedRedisError(`Cannot create ${path}: ${(error as Error).message}`, { cause: error });
    }
  }
  const found = lstatSync(path);
  const isOurs = process.getuid === undefined || found.uid === process.getuid();
  if (!found.isDirectory() || !isOurs || (found.mode & 0o077) !== 0) {
    throw new EmbeddedRedisError(`${path} must be a folder of this user with mode 0700. Remove it and try again.`);
  }
}

function ignoreInGit(sluiceDirectory: string): void {
  try {
    writeFileSync(join(sluiceDirectory, '.gitignore'), '*\n', { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

// A folder that does not exist yet has no links to resolve.
function resolveLinks(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return resolve(directory);
  }
}
