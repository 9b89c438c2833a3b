import type { Config } from '../../domain/config.ts';
import { toGatewayError } from '../../domain/errors.ts';
import { nearestWord } from '../../domain/suggestion.ts';
import { type Provider, createProviders } from '../../providers/index.ts';
import { NOT_SET } from '../config-view.ts';
import type { Finding } from './finding.ts';

const ANSWER_WITHIN_MS = 5_000;

/** Whether each provider answers, with each of its keys, and knows our models; all are asked at once. */
export async function checkProviders(config: Config): Promise<Finding[]> {
  const providers = createProviders(config.providers);
  try {
    const found = await Promise.all(providers.all().map((provider) => checkProvider(provider, config)));
    return found.flat();
  } finally {
    await providers.close();
  }
}

async function checkProvider(provider: Provider, config: Config): Promise<Finding[]> {
  const url = config.providers[provider.name]?.base_url ?? '';
  const answers = await Promise.all(
    provider.keys.map(async ({ name, key }) => {
      const asked = provider.keys.length === 1 ? provider.name : `${provider.name} (key ${name})`;
      if (key === NOT_SET) return { finding: found('warn', `${asked} was not asked: it has no key yet`) };
      return checkKey(provider, name, asked, url);
    }),
  );
  // What one key may use, the others may not; only what none of them lists is a mistake.
  const listed = new Set(answers.flatMap(({ ids }) => ids ?? []));
  return [...answers.map(({ finding }) => finding), ...checkModels(provider.name, listed, config)];
}

type KeyAnswer = { finding: Finding; ids?: readonly string[] };

async function checkKey(provider: Provider, key: string, asked: string, url: string): Promise<KeyAnswer> {
  const startedAt = performance.now();
  try {
    const ids = await provider.probe(ANSWER_WITHIN_MS, key);
    if (ids === undefined) {
      return {
        finding: found('warn', `${asked} answers, but with no list of models (${url}); is the base_url right?`),
      };
    }
    return {
      finding: found('ok', `${asked} answers in ${Math.round(performance.now() - startedAt)} ms (${url})`),
      ids,
    };
  } catch (thrown) {
    return { finding: findingOf(thrown, asked, url) };
  }
}

function findingOf(thrown: unknown, asked: string, url: string): Finding {
  const error = toGatewayError(thrown);
  const { status, provider } = error.details;
  const message = asked === provider ? error.message : `${asked}: ${error.message}`;
  if (status === 429) return found('warn', `${asked} answers, but limits our calls now (429)`);
  if (status === 405) return found('warn', `${asked} answers, but has no list of models (${url})`);
  if (status === 404)
    return found('fail', `${asked} answers 404 for its list of models (${url}); is the base_url right?`);
  if (error.code === 'PROVIDER_BAD_RESPONSE') return found('fail', `${message} (${url}); is the base_url right?`);
  return found('fail', `${message}; its base_url is ${url}`);
}

/** Ids that the provider's own list does not have. It may be able to serve them all the same. */
function checkModels(provider: string, listed: ReadonlySet<string>, config: Config): Finding[] {
  if (listed.size === 0) return [];
  return Object.entries(config.models)
    .filter(([, model]) => model.provider === provider && !isListed(model.id, listed))
    .map(([alias, { id }]) => {
      const nearest = nearestWord(id, listed);
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      return found('warn', `model ${alias}: ${provider} does not list ${id}${hint}`);
    });
}

/**
 * Also with what OpenRouter lets one add to an id (`:floor`, `@preset/...`), with the `:latest` that Ollama adds to a
 * bare name, and by the `vendor/*` of LiteLLM's lists.
 */
function isListed(id: string, listed: ReadonlySet<string>): boolean {
  const bare = id.replace(/(:[a-z]+|@preset\/.*)$/, '');
  if (bare === '' || listed.has(id) || listed.has(bare) || listed.has(`${id}:latest`)) return true;
  return [...listed].some((entry) => entry.endsWith('*') && id.startsWith(entry.slice(0, -1)));
}

function found(status: Finding['status'], message: string): Finding {
  return { check: 'provider', status, message };
}
