import type { ProviderConfig } from '../../domain/config.ts';
import { createChatDialect, type Endpoint, OF_OPENAI } from './dialect.ts';
import type { Dialect } from '../provider.ts';

/** From this dated version on, Azure knows `max_completion_tokens`, `stream_options` and the developer role. */
const FIRST_MODERN_VERSION = '2024-12-01';

/**
 * Azure OpenAI: a model's id is the name of its deployment. Without `api_version` the versionless `/openai/v1`, with one
 * the path of the deployment. The base URL may end in `/openai`, and without `api_version` in `/openai/v1`: people copy it
 * from different pages.
 */
export function createAzureDialect(provider: string, config: ProviderConfig): Dialect {
  const version = config.azure?.api_version;
  const base = new URL(config.base_url).pathname.replace(/\/$/, '');
  const habits = {
    authorization: (apiKey: string) => ({ 'api-key': apiKey }),
    // It lists the models that could be deployed, not the deployments.
    listsRequestIds: false,
  };
  if (version === undefined) {
    const root = below(base, '/openai/v1');
    const paths = { pathFor: (endpoint: Endpoint) => `${root}/${endpoint}`, probePath: `${root}/models` };
    return createChatDialect(provider, config, { ...OF_OPENAI, ...habits, ...paths });
  }
  const root = below(base, '/openai');
  const query = `?api-version=${encodeURIComponent(version)}`;
  const isModern = version.slice(0, FIRST_MODERN_VERSION.length) >= FIRST_MODERN_VERSION;
  return createChatDialect(provider, config, {
    ...(isModern ? OF_OPENAI : { knowsStreamOptions: false }),
    ...habits,
    pathFor: (endpoint, deployment) => `${root}/deployments/${encodeURIComponent(deployment)}/${endpoint}${query}`,
    probePath: `${root}/models${query}`,
  });
}

/** What of `root` the base URL does not have yet. */
function below(base: string, root: string): string {
  if (base.endsWith(root)) return '';
  return base.endsWith('/openai') ? root.slice('/openai'.length) : root;
}
