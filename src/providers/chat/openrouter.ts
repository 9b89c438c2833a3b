import type { ProviderConfig } from '../../domain/config.ts';
import { isFromCache } from './gateways.ts';
import { createChatDialect } from './dialect.ts';
import type { Dialect } from '../provider.ts';

/**
 * OpenRouter. Its ids are taken as they are, with `:floor`, `:nitro` and `:free`, and `openrouter/auto`. What it charges
 * stands in `usage.cost`, of which it is told to speak.
 */
export function createOpenRouterDialect(provider: string, config: ProviderConfig): Dialect {
  const { app_url: url, app_title: title, provider: preferences } = config.openrouter ?? {};
  return createChatDialect(provider, config, {
    headers: {
      ...(url === undefined ? {} : { 'http-referer': url }),
      ...(title === undefined ? {} : { 'x-title': title }),
    },
    // Its list of models is public.
    keyPath: '/key',
    adapt({ reasoning_effort: effort, ...body }, model) {
      const own = model.request.openrouter;
      const merged = { ...preferences, ...own?.provider };
      return {
        ...body,
        ...(effort === undefined ? {} : { reasoning: { effort } }),
        ...(Object.keys(merged).length === 0 ? {} : { provider: merged }),
        ...(own?.models === undefined ? {} : { models: own.models }),
        usage: { include: true },
      };
    },
    chargeIn: (headers) => (isFromCache(headers, 'x-openrouter-cache-status') ? 0 : undefined),
  });
}
