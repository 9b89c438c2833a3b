import { spawn } from 'node:child_process';
import { EmbeddedRedisError } from './embedded-redis-error.ts';
import { findRedisServer, type RedisBinary } from './find.ts';

/** Runs a program to its end; a program that does not exist ends with exit code 127. `output` is stdout and stderr. */
export type RunCommand = (
  command: string,
  commandArguments: readonly string[],
) => Promise<{ exitCode: number; output: string }>;

export interface InstallOptions {
  log: (line: string) => void;
  run?: RunCommand;
  find?: () => Promise<RedisBinary | undefined>;
  /** Whether this process may install without sudo. */
  isRoot?: boolean;
  /** Whether somebody is there to type a password for sudo. */
  isInteractive?: boolean;
}

const WAYS_TO_GET_REDIS = [
  '  Debian, Ubuntu   sudo apt-get install redis-server',
  '  macOS            brew install redis',
  '  Docker           run the whole of Sluice by docker compose up (docker-compose.yml has a Redis of its own)',
  '  elsewhere        set REDIS_URL to a Redis (7.0 or later) or Valkey that you already run',
].join('\n');

// Two ways to keep the package from starting a service: the first for SysV init, the second for systemd.
const APT_ENVIRONMENT = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'SYSTEMD_OFFLINE=1'];

/** What to tell somebody who has no Redis: every way to get one. */
export function redisMissingMessage(): string {
  return (
    'Sluice needs Redis, REDIS_URL is not set, and no redis-server or valkey-server was found. Get one by any of:\n' +
    `${WAYS_TO_GET_REDIS}\n` +
    '  or let Sluice     add --install-redis, which runs apt-get install redis-server for you'
  );
}

/**
 * Installs redis-server with apt-get, as root or through sudo. Ask the user before calling. Throws
 * EmbeddedRedisError without apt-get, without the right to install, and when the installation fails.
 */
export async function installRedisServer(options: InstallOptions): Promise<RedisBinary> {
  const { log, run = runCommand, find = findRedisServer } = options;
  if ((await run('apt-get', ['--version'])).exitCode !== 0) {
    throw new EmbeddedRedisError(
      `Cannot install redis-server: there is no apt-get here. Get one by:\n${WAYS_TO_GET_REDIS}`,
    );
  }
  const prefix = await choosePrivilege(run, options);
  log(`installing redis-server with apt-get (${prefix[0] ?? 'root'})…`);
  await installPackage((...aptArguments) => runWith(run, [...prefix, 'env', ...APT_ENVIRONMENT, ...aptArguments]));
  const binary = await find();
  if (binary === undefined) {
    throw new EmbeddedRedisError('apt-get installed redis-server, but no redis-server is on the PATH afterwards.');
  }
  return binary;
}

/** What goes before a command that needs root: nothing, `sudo -n`, or `sudo` when it may ask for the password. */
async function choosePrivilege(run: RunCommand, options: InstallOptions): Promise<string[]> {
  if (options.isRoot ?? process.getuid?.() === 0) return [];
  const { exitCode } = await run('sudo', ['-n', 'true']);
  if (exitCode === 0) return ['sudo', '-n'];
  if (exitCode !== 127 && (options.isInteractive ?? process.stdin.isTTY)) return ['sudo'];
  throw new EmbeddedRedisError(
    `Cannot install redis-server: that needs root, or sudo without a password. Get one by:\n${WAYS_TO_GET_REDIS}`,
  );
}

async function installPackage(apt: (...aptArguments: string[]) => ReturnType<RunCommand>): Promise<void> {
  const install = () => apt('apt-get', 'install', '-y', '--no-install-recommends', 'redis-server');
  const isKnown = (await apt('apt-cache', 'show', 'redis-server')).exitCode === 0;
  // A known package may still point at a version that the mirror no longer has; a fresh list cures that too.
  if (isKnown && (await install()).exitCode === 0) return;
  const update = await apt('apt-get', 'update');
  const result = await install();
  if (result.exitCode === 0) return;
  const complaint = lastLine(result.output) || lastLine(update.output);
  throw new EmbeddedRedisError(
    `apt-get install redis-server failed with exit code ${result.exitCode}: ${complaint}\nOther ways:\n${WAYS_TO_GET_REDIS}`,
  );
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

function runWith(run: RunCommand, [command = '', ...commandArguments]: readonly string[]): ReturnType<RunCommand> {
  return run(command, commandArguments);
}

const runCommand: RunCommand = (command, commandArguments) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, commandArguments, { stdio: ['inherit', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve({ exitCode: 127, output: error.message });
      else reject(error);
    });
    child.once('close', (exitCode) => resolve({ exitCode: exitCode ?? 1, output }));
  });
