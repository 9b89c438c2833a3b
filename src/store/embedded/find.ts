import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedRedisError } from './embedded-redis-error.ts';

/** A Redis-compatible server program; `version` is the product's own, as in `7.0.15`. */
export interface RedisBinary {
  path: string;
  name: 'redis-server' | 'valkey-server';
  version: string;
}

const NAMES = ['redis-server', 'valkey-server'] as const;
const USUAL_FOLDERS = [
  '/usr/local/bin',
  '/usr/bin',
  '/usr/local/sbin',
  '/usr/sbin',
  '/opt/homebrew/bin',
  '/home/linuxbrew/.linuxbrew/bin',
];
const OLDEST_VERSION = [7, 0] as const;
const VERSION_TIMEOUT_MS = 5_000;

/**
 * The first `redis-server` or `valkey-server` of version 7.0 or later in the folders of `path`, and after them in the
 * folders where apt and brew install (a root shell or a service often has a PATH without them). Undefined when there
 * is none; throws EmbeddedRedisError when there is one but it is too old or does not run.
 */
export async function findRedisServer(
  path: string | undefined = process.env['PATH'],
  usualFolders: readonly string[] = USUAL_FOLDERS,
): Promise<RedisBinary | undefined> {
  const folders = new Set([...(path ?? '').split(delimiter).filter((folder) => folder !== ''), ...usualFolders]);
  const refusals: string[] = [];
  for (const candidate of [...folders].flatMap((folder) => NAMES.map((name) => join(folder, name)))) {
    if (!isExecutable(candidate)) continue;
    const version = await readVersion(candidate);
    if (version !== undefined && isRecentEnough(version)) return { path: candidate, name: nameOf(candidate), version };
    refusals.push(version === undefined ? `${candidate} does not run` : `${candidate} is version ${version}`);
  }
  if (refusals.length === 0) return undefined;
  throw new EmbeddedRedisError(
    `Sluice needs Redis ${OLDEST_VERSION.join('.')} or later, or Valkey: ${refusals.join('; ')}. ` +
      'Upgrade it, or set REDIS_URL to a newer one.',
  );
}

/** Which of the two programs a path names, by its file name. */
export function nameOf(path: string): RedisBinary['name'] {
  return basename(path).startsWith('valkey') ? 'valkey-server' : 'redis-server';
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** From `Redis server v=7.0.15 sha=…` or `Valkey server v=8.0.1 sha=…`; undefined when the program fails. */
async function readVersion(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: VERSION_TIMEOUT_MS });
    return /\bv=(\d+(?:\.\d+)+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

function isRecentEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor >= OLDEST_VERSION[1]);
}
