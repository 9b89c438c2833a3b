import type { ProviderConfig } from '../../domain/config.ts';
import type { ModelSpec } from '../../domain/model.ts';
import { isFromCache } from './gateways.ts';
import { createChatDialect } from './dialect.ts';
import type { Dialect } from '../provider.ts';

/**
 * OpenRouter. Its ids are taken as they are, with `:floor`, `:nitro` and `:free`, and `openrouter/auto`. What it charges
 * stands in `usage.cost`, of which it is told to speak.
 */
export function createOpenRouterDialect(provider: string, config: ProviderConfig): Dialect {
  const { app_url: url, app_title: title, provider: preferences } = config.openrouter ?? {};
  const preferencesFor = (model: ModelSpec): object => {
    const merged = { ...preferences, ...model.request.openrouter?.provider };
    return Object.keys(merged).length === 0 ? {} : { provider: merged };
  };
  return createChatDialect(provider, config, {
    headers: {
      ...(url === undefined ? {} : { 'http-referer': url }),
      ...(title === undefined ? {} : { 'x-title': title }),
    },
    // Its list of models is public.
    keyPath: '/key',
    sendsBase64: true,
    adapt({ reasoning_effort: effort, ...body }, model) {
      const models = model.request.openrouter?.models;
      return {
        ...body,
        ...(effort === undefined ? {} : { reasoning: { effort } }),
        ...preferencesFor(model),
        ...(models === undefined ? {} : { models }),
        usage: { include: true },
      };
    },
    adaptEmbeddings: (body, model) => ({ ...body, ...preferencesFor(model) }),
    chargeIn: (headers) => (isFromCache(headers, 'x-openrouter-cache-status') ? 0 : undefined),
  });
}
