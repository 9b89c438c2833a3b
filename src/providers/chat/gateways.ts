import type { ProviderConfig } from '../../domain/config.ts';
import { usdToNanos } from '../../domain/money.ts';
import { createChatDialect, isOpenAi, OF_OPENAI } from './dialect.ts';
import { type Dialect, headerOf, type HttpHeaders } from '../provider.ts';

/** A LiteLLM proxy. It prices each call itself, in a header; for a streamed one only after the headers have gone. */
export function createLiteLlmDialect(provider: string, config: ProviderConfig): Dialect {
  return createChatDialect(provider, config, {
    chargeIn(headers) {
      const usd = Number(headerOf(headers, 'x-litellm-response-cost') ?? Number.NaN);
      if (usd > 0 && usd < 100_000) return usdToNanos(usd);
      // It says 0 for a model without a price, too; what came from its cache was really free.
      return usd === 0 && headers['x-litellm-cache-key'] !== undefined ? 0 : undefined;
    },
    servedModelIn(headers, servedModel) {
      const deployment = wordIn(headers, 'x-litellm-model-id');
      const model = servedModel ?? wordIn(headers, 'x-litellm-model-group');
      if (deployment === undefined) return model;
      return model === undefined ? deployment : `${model} (deployment ${deployment})`;
    },
  });
}

/** Portkey: its own key beside that of the provider behind it, unless it holds that one itself. */
export function createPortkeyDialect(provider: string, config: ProviderConfig): Dialect {
  const { provider: behind, virtual_key: virtualKey, config: saved, authorization } = config.portkey ?? {};
  return createChatDialect(provider, config, {
    authorization: (apiKey) => ({ 'x-portkey-api-key': apiKey }),
    headers: {
      ...(behind === undefined ? {} : { 'x-portkey-provider': behind }),
      ...(virtualKey === undefined ? {} : { 'x-portkey-virtual-key': virtualKey }),
      ...(saved === undefined ? {} : { 'x-portkey-config': saved }),
      ...(authorization === undefined ? {} : { authorization: `Bearer ${authorization}` }),
    },
    // They belong to the provider behind it, or are its own names for them.
    listsRequestIds: false,
    chargeIn: (headers) => (isFromCache(headers, 'x-portkey-cache-status') ? 0 : undefined),
  });
}

/** Helicone, in front of a provider whose key is the `api_key`. */
export function createHeliconeDialect(provider: string, config: ProviderConfig): Dialect {
  const { api_key: heliconeKey, target_url: target, properties = {} } = config.helicone ?? {};
  const named = Object.entries(properties).map(([name, value]) => [`helicone-property-${name.toLowerCase()}`, value]);
  const behind =
    target ?? (new URL(config.base_url).hostname === 'oai.helicone.ai' ? 'https://api.openai.com' : undefined);
  return createChatDialect(provider, config, {
    ...(behind !== undefined && isOpenAi(behind) ? OF_OPENAI : {}),
    headers: {
      // An old answer must not pass for a new one; who wants that says so in `headers`.
      'helicone-cache-enabled': 'false',
      ...(heliconeKey === undefined ? {} : { 'helicone-auth': `Bearer ${heliconeKey}` }),
      ...(target === undefined ? {} : { 'helicone-target-url': target }),
      ...(Object.fromEntries(named) as Record<string, string>),
    },
    chargeIn: (headers) => (isFromCache(headers, 'helicone-cache') ? 0 : undefined),
  });
}

/** `HIT`, `SEMANTIC HIT`: the usage in such an answer is that of the call that filled the cache. */
export function isFromCache(headers: HttpHeaders, name: string): boolean {
  return /\bhit$/i.test(headerOf(headers, name) ?? '');
}

function wordIn(headers: HttpHeaders, name: string): string | undefined {
  const word = headerOf(headers, name);
  return word !== undefined && /^[\x21-\x7e]{1,128}$/.test(word) ? word : undefined;
}
