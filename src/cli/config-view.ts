import { type Config, ConfigShape } from '../domain/config.ts';
import { parseConfig, parseOwnConfig, readText } from '../config/config-file.ts';
import { type Context, requireConfig } from './context.ts';

/** Stands for the value of an environment variable that is not set. */
export const NOT_SET = 'not-set';

/** What a command needs that looks at the queues and the ledger. */
export type Installation = Pick<Config, 'redis' | 'lanes'> & Partial<Pick<Config, 'models' | 'providers' | 'budgets'>>;

/** For commands that call no provider: the configuration, whether or not the keys that it names are set. */
export function requireConfigWithoutKeys(context: Context): Config {
  if (context.configFile === undefined) return requireConfig(context);
  return parseConfigWithoutKeys(readText(context.configFile), context.configFile, context.env);
}

/** For commands that only look at Redis: without a configuration file the defaults do. */
export function findInstallation(context: Context): Installation {
  const { configFile, env } = context;
  if (configFile !== undefined) {
    const text = readText(configFile);
    return parseOwnConfig(text, configFile, withStandIns(text, env));
  }
  return { redis: ConfigShape.shape.redis.parse(undefined), lanes: ConfigShape.shape.lanes.parse(undefined) };
}

/** As `parseConfig`, but a `${NAME}` that is not set stands for the text `not-set` instead of being a problem. */
export function parseConfigWithoutKeys(text: string, name: string, env: NodeJS.ProcessEnv): Config {
  return parseConfig(text, name, withStandIns(text, env));
}

/** By the field in front of it: an address where one is wanted, and what is no secret of anybody. */
const STAND_INS: Readonly<Record<string, string>> = {
  base_url: `https://${NOT_SET}.invalid`,
  secret: `whsec_${'0'.repeat(32)}`,
};

/** The environment with something for each variable that the text names. */
export function withStandIns(text: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const standIns = [...text.matchAll(/(?:(base_url|secret)["']?:\s*["']?[^\s"',}$]*)?\$\{(\w+)\}/g)].flatMap(
    ([, field = '', variable = '']) => (env[variable] ? [] : [[variable, STAND_INS[field] ?? NOT_SET] as const]),
  );
  return { ...env, ...Object.fromEntries(standIns) };
}
