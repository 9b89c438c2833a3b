import { type Config, ConfigShape } from '../domain/config.ts';
import { parseConfig, readText } from '../config/config-file.ts';
import { type Context, requireConfig } from './context.ts';

/** Stands for the value of an environment variable that is not set. */
export const NOT_SET = 'not-set';

/** What a command needs that looks at the queues and the ledger. */
export type Installation = Pick<Config, 'redis' | 'lanes'>;

/** For commands that call no provider: the configuration, whether or not the keys that it names are set. */
export function requireConfigWithoutKeys(context: Context): Config {
  if (context.configFile === undefined) return requireConfig(context);
  return parseConfigWithoutKeys(readText(context.configFile), context.configFile, context.env);
}

/** For commands that only look at Redis: without a configuration file the defaults do. */
export function findInstallation(context: Context): Installation {
  if (context.configFile !== undefined) return requireConfigWithoutKeys(context);
  return { redis: ConfigShape.shape.redis.parse(undefined), lanes: ConfigShape.shape.lanes.parse(undefined) };
}

/** As `parseConfig`, but a `${NAME}` that is not set stands for the text `not-set` instead of being a problem. */
export function parseConfigWithoutKeys(text: string, name: string, env: NodeJS.ProcessEnv): Config {
  const names = [...text.matchAll(/\$\{(\w+)\}/g)].flatMap((match) => match[1] ?? []);
  const stand = names.filter((variable) => !env[variable]).map((variable) => [variable, NOT_SET]);
  return parseConfig(text, name, { ...env, ...Object.fromEntries(stand) });
}
