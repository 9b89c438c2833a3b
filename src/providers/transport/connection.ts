import { keysOf, type ProviderConfig } from '../../domain/config.ts';
import { GatewayError } from '../../domain/errors.ts';
import { failureOfThrown } from '../failures.ts';
import { createHttpClient, type HttpAnswer, type HttpCall } from './http.ts';
import type { Dialect } from '../provider.ts';

export type Connection = {
  /**
   * One call below the provider's base URL, with the key of that name. Its own headers come on top of those of every
   * call. Throws a GatewayError when no answer comes.
   */
  call(request: Omit<HttpCall, 'headers'> & Partial<Pick<HttpCall, 'headers'>>, key: string): Promise<HttpAnswer>;
  close(): Promise<void>;
};

/** The way to one provider: one pool for all its keys, and what goes out with every call. */
export function createConnection(provider: string, config: ProviderConfig, dialect: Dialect): Connection {
  const base = new URL(config.base_url);
  const basePath = base.pathname.replace(/\/$/, '');
  const client = createHttpClient({
    origin: base.origin,
    allowPrivate: config.allow_private,
    connections: config.connections,
    maxResponseBytes: config.max_response_bytes,
  });
  const headersByKey = new Map(keysOf(config).map(({ name, key }) => [name, headersFor(config, dialect, key)]));
  return {
    async call(request, key) {
      const headers = headersByKey.get(key);
      if (headers === undefined) throw new GatewayError('INTERNAL', `provider ${provider} has no key named "${key}"`);
      try {
        const path = basePath + request.path;
        return await client.call({ ...request, path, headers: { ...headers, ...request.headers } });
      } catch (error) {
        throw failureOfThrown(provider, error);
      }
    },
    close: () => client.close(),
  };
}

/** Names in lower case, so that a configured header replaces ours, and never the key. */
function headersFor(config: ProviderConfig, dialect: Dialect, key: string | undefined): Record<string, string> {
  return {
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'user-agent': 'sluice',
    ...dialect.headers,
    ...Object.fromEntries(Object.entries(config.headers).map(([header, value]) => [header.toLowerCase(), value])),
    ...(key === undefined ? {} : dialect.authorization(key)),
  };
}
