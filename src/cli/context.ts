import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { CONFIG_NAME, findConfigFile, loadConfig } from '../config/config-file.ts';
import { SLUICE } from './invocation.ts';

/** What every command gets: the surroundings, read once, and the ways to speak. */
export type Context = {
  directory: string;
  env: NodeJS.ProcessEnv;
  configFile: string | undefined;
  /** `--install-redis`: consent to install a Redis server when there is none. */
  installRedis: boolean;
  debug: boolean;
  /** A person is at the terminal: both ends are one. */
  isInteractive: boolean;
  /** Data, to stdout. */
  print(line: string): void;
  /** Everything that is not data, to stderr. */
  note(line: string): void;
};

export type GlobalOptions = { config?: string; installRedis?: boolean; debug?: boolean };

/** The surroundings of a command that is being run. */
export function contextOf(command: Command): Context {
  return createContext(command.optsWithGlobals<GlobalOptions>());
}

function createContext(options: GlobalOptions): Context {
  const directory = process.cwd();
  return {
    directory,
    env: process.env,
    configFile: findConfigFile(directory, options.config ?? (process.env['SLUICE_CONFIG'] || undefined)),
    installRedis: options.installRedis ?? false,
    debug: options.debug ?? false,
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    print: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
  };
}

/** The configuration that a command cannot do without. */
export function requireConfig(context: Context): Config {
  if (context.configFile === undefined) {
    throw new InputError(`no ${CONFIG_NAME} in this folder: make one with "${SLUICE} init", or name one with --config`);
  }
  return loadConfig(context.configFile, context.env);
}

/** JSON lines to stderr, readable ones on a terminal. */
export function createLogger(context: Context, level: string): Logger {
  if (!process.stderr.isTTY)
    return pino({ level, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: false }));
  const stream = pretty({
    destination: 2,
    ignore: 'pid,hostname',
    translateTime: 'HH:MM:ss',
    singleLine: true,
    sync: true,
  });
  return pino({ level: context.debug ? 'debug' : level }, stream);
}

/** A file that comes with the package, from a checkout or an installation. */
export function bundledFile(path: string): string {
  // The sources and the build lie equally deep.
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  if (existsSync(file)) return file;
  throw new InputError(`${path} is missing from this installation of Sluice; install it again`);
}
