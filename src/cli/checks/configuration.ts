import { relative } from 'node:path';
import { kindOfHost } from '../../domain/address.ts';
import { type Config, keysOf, type ProviderConfig } from '../../domain/config.ts';
import { InputError } from '../../domain/errors.ts';
import { CONFIG_NAME, parseConfig, readText } from '../../config/config-file.ts';
import { priceWarnings } from '../../config/prices.ts';
import { openRouter } from '../../workers/open-router.ts';
import { NOT_SET, parseConfigWithoutKeys } from '../config-view.ts';
import type { Context } from '../context.ts';
import { plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import type { Finding } from './finding.ts';

/** Everything that is wrong with the configuration file, and the configuration unless more than keys is missing. */
export function checkConfiguration({ configFile, directory, env }: Context): { findings: Finding[]; config?: Config } {
  if (configFile === undefined) {
    const advice = `make one with "${SLUICE} init", or name one with --config`;
    return { findings: [found('fail', `no ${CONFIG_NAME} in this folder: ${advice}`)] };
  }
  const name = relative(directory, configFile);
  try {
    const text = readText(configFile);
    const problems = problemsOf(() => parseConfig(text, name, env));
    const config = parseConfigWithoutKeys(text, name, env);
    if (problems.length === 0) problems.push(found('ok', `${name}: ${describe(config)}`));
    return {
      config,
      findings: [
        ...problems,
        ...problemsOf(() => openRouter(config)),
        ...checkKeys(config.providers),
        ...checkPrices(config),
      ],
    };
  } catch (error) {
    if (error instanceof InputError) return { findings: error.problems.map((problem) => found('fail', problem)) };
    throw error;
  }
}

function problemsOf(read: () => unknown): Finding[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.problems.map((problem) => found('fail', problem));
    throw error;
  }
}

function describe({ models, tasks, budgets, lanes }: Config): string {
  const counts = Object.entries({ model: models, task: tasks, budget: budgets }).map(([word, map]) =>
    plural(Object.keys(map).length, word),
  );
  const total = Object.values(lanes).reduce((sum, lane) => sum + lane.share, 0);
  const shares = Object.entries(lanes).map(([lane, { share }]) => `${lane} ${Math.round((share / total) * 100)} %`);
  return `${counts.join(', ')}; lanes ${shares.join(', ')}`;
}

/** No key is ever shown. That one is not set has been said by whoever read the file. */
function checkKeys(providers: Config['providers']): Finding[] {
  return Object.entries(providers).flatMap(([name, provider]) => {
    const keys = keysOf(provider);
    if (keys.some(({ key }) => key === NOT_SET) || isOwn(provider)) return [];
    if (keys.some(({ key }) => key === undefined)) {
      return [found('warn', `provider ${name} has no api_key; most want one`)];
    }
    return [
      found('ok', `provider ${name}: ${keys.length === 1 ? 'its api_key is' : `its ${keys.length} keys are`} set`),
    ];
  });
}

function checkPrices(config: Config): Finding[] {
  return [...priceWarnings(config).map((warning) => found('warn', warning)), ...checkFree(config)];
}

function checkFree({ models, providers }: Config): Finding[] {
  const free = Object.entries(models).filter(([, { price, provider }]) => {
    const owner = providers[provider];
    return price?.input === 0 && price.output === 0 && owner !== undefined && !isOwn(owner);
  });
  if (free.length === 0) return [];
  const names = free.map(([alias]) => alias).join(', ');
  return [found('warn', `price 0 for ${names}: budgets and routing take its calls for free; is that so?`)];
}

/** A server of one's own: it may want no key and sends no bill. */
function isOwn({ base_url: url, allow_private: isAllowed }: ProviderConfig): boolean {
  return isAllowed && kindOfHost(new URL(url).hostname) !== 'public';
}

function found(status: Finding['status'], message: string): Finding {
  return { check: 'configuration', status, message };
}
