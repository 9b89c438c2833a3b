import type { Config } from '../../domain/config.ts';
import { toGatewayError } from '../../domain/errors.ts';
import { type Provider, createProviders } from '../../providers/index.ts';
import { NOT_SET } from '../config-view.ts';
import type { Finding } from './finding.ts';

const ANSWER_WITHIN_MS = 5_000;

/** Whether each provider answers; all are asked at once. One whose key is missing is not asked. */
export async function checkProviders(config: Config): Promise<Finding[]> {
  const providers = createProviders(config.providers);
  try {
    return await Promise.all(
      providers.all().map(async (provider) => {
        const { api_key: key, base_url: url = '' } = config.providers[provider.name] ?? {};
        if (key !== NOT_SET) return checkProvider(provider, url);
        return found('warn', `${provider.name} was not asked: it has no key yet`);
      }),
    );
  } finally {
    await providers.close();
  }
}

async function checkProvider(provider: Provider, url: string): Promise<Finding> {
  const startedAt = performance.now();
  try {
    await provider.probe(ANSWER_WITHIN_MS);
    return found('ok', `${provider.name} answers in ${Math.round(performance.now() - startedAt)} ms (${url})`);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    const { status } = error.details;
    if (status === 404 || status === 405) {
      return found('warn', `${provider.name} answers, but tells no list of models (${url}); is the base_url right?`);
    }
    if (status === 429) return found('warn', `${provider.name} answers, but limits our calls now (429)`);
    return found('fail', `${error.message}; its base_url is ${url}`);
  }
}

function found(status: Finding['status'], message: string): Finding {
  return { check: 'provider', status, message };
}
