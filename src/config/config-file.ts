import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Config } from '../domain/config.ts';
import type { Problem } from '../domain/issues.ts';
import { findLock } from './lock-file.ts';
import { openPriceCatalogue } from './price-catalogue.ts';
import { withKnownPrices } from './prices.ts';
import { readText } from './text-file.ts';
import { checkYaml, orInputError, parseYaml } from './yaml-text.ts';

export { readText, reasonOf } from './text-file.ts';

export const CONFIG_NAME = 'sluice.yaml';

/** The configuration file to use: the one named, else `sluice.yaml` in the folder; undefined when there is none. */
export function findConfigFile(directory: string, named: string | undefined): string | undefined {
  if (named !== undefined) return resolve(directory, named);
  const usual = resolve(directory, CONFIG_NAME);
  return existsSync(usual) ? usual : undefined;
}

/** Reads a configuration file; what is wrong with it is one InputError with a line for each problem. */
export function loadConfig(path: string, env: NodeJS.ProcessEnv = process.env): Config {
  return parseConfig(readText(path), path, env);
}

/**
 * As `loadConfig`, for text that is in hand; `name` stands in front of each problem. Models that name no price, or no
 * context, get what the lock file beside the file of that name says, else the catalogue.
 */
export function parseConfig(text: string, name: string, env: NodeJS.ProcessEnv): Config {
  const config = withFullPaths(parseOwnConfig(text, name, env), dirname(resolve(name)));
  return withKnownPrices(config, { lock: () => findLock(name), catalogue: openPriceCatalogue });
}

/** Files that a configuration names are beside it, wherever it is read from. */
function withFullPaths(config: Config, folder: string): Config {
  const { task_guess: guess } = config.routing;
  if (guess === undefined) return config;
  return { ...config, routing: { ...config.routing, task_guess: { ...guess, model: resolve(folder, guess.model) } } };
}

/** What the text itself says, and nothing that is known elsewhere. */
export function parseOwnConfig(text: string, name: string, env: NodeJS.ProcessEnv): Config {
  const yaml = parseYaml(text, name);
  const missing: Problem[] = [];
  const data = orInputError(name, () => withEnvironment(yaml.value, env, [], missing));
  return checkYaml(Config, data, yaml, missing);
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** Replaces `${NAME}` and `${NAME:-default}` in every text. A name that is not set and has no default is a problem. */
function withEnvironment(
  value: unknown,
  env: NodeJS.ProcessEnv,
  path: (string | number)[],
  missing: Problem[],
): unknown {
  if (typeof value === 'string') {
    return value.replace(REFERENCE, (_match, name: string, fallback: string | undefined) => {
      const found = env[name] !== undefined && env[name] !== '' ? env[name] : fallback;
      if (found === undefined) missing.push({ path, message: `environment variable ${name} is not set` });
      return found ?? 'not-set';
    });
  }
  if (Array.isArray(value)) return value.map((entry, index) => withEnvironment(entry, env, [...path, index], missing));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, withEnvironment(entry, env, [...path, key], missing)]),
  );
}
