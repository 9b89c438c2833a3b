import type { Config, ProviderConfig } from '../domain/config.ts';
import { badResponse, failureOfAnswer, failureOfThrown } from './failures.ts';
import { createHttpClient, type HttpAnswer, type HttpCall } from './http.ts';
import { createOpenAiDialect } from './openai-compatible.ts';
import type { Dialect, Provider } from './provider.ts';

const DIALECTS = {
  openai: createOpenAiDialect,
} satisfies Record<ProviderConfig['kind'], (name: string, config: ProviderConfig) => Dialect>;

export type Providers = {
  get(name: string): Provider;
  all(): Provider[];
  close(): Promise<void>;
};

/** The configured providers, one connection pool each. */
export function createProviders(configs: Config['providers']): Providers {
  const providers = new Map(Object.entries(configs).map(([name, config]) => [name, createProvider(name, config)]));
  return {
    get(name) {
      const provider = providers.get(name);
      if (!provider) throw new Error(`no provider "${name}" in the configuration`);
      return provider;
    },
    all: () => [...providers.values()],
    async close() {
      await Promise.all([...providers.values()].map((provider) => provider.close()));
    },
  };
}

function createProvider(name: string, config: ProviderConfig): Provider {
  const dialect = DIALECTS[config.kind](name, config);
  const base = new URL(config.base_url);
  const basePath = base.pathname.replace(/\/$/, '');
  const client = createHttpClient({
    origin: base.origin,
    allowPrivate: config.allow_private,
    connections: config.connections,
    maxResponseBytes: config.max_response_bytes,
  });
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'user-agent': 'sluice',
    // Names in lower case, so that a configured one replaces ours, and never the key.
    ...Object.fromEntries(Object.entries(config.headers).map(([header, value]) => [header.toLowerCase(), value])),
    ...(config.api_key === undefined ? {} : dialect.authorization(config.api_key)),
  };

  async function call(
    request: Omit<HttpCall, 'headers'>,
    extraHeaders: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    try {
      return await client.call({ ...request, path: basePath + request.path, headers: { ...headers, ...extraHeaders } });
    } catch (error) {
      throw failureOfThrown(name, error);
    }
  }

  return {
    name,
    async complete(model, request, options) {
      const { path, body } = dialect.toRequest(model, request);
      const answer = await call(
        {
          method: 'POST',
          path,
          body: JSON.stringify(body),
          timeoutMs: Math.min(options.timeoutMs, config.timeout),
          signal: options.signal,
        },
        { 'x-request-id': options.attemptId },
      );
      if (answer.status !== 200) throw failureOfAnswer(name, answer, Date.now());
      return dialect.toCompletion(parseJson(name, answer.text));
    },
    async probe(timeoutMs) {
      const answer = await call({ method: 'GET', path: dialect.probePath, timeoutMs });
      if (answer.status !== 200) throw failureOfAnswer(name, answer, Date.now());
    },
    close: () => client.close(),
  };
}

function parseJson(provider: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badResponse(provider, 'with a body that is not JSON');
  }
}
