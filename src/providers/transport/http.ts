import { lookup } from 'node:dns';
import { Pool } from 'undici';
import { kindOfAddress } from '../../domain/address.ts';
import { Exchange, type HttpAnswer, type HttpCall } from './exchange.ts';

export { DeadlinePassed, type ChunkConsumer, type HttpAnswer, type HttpCall } from './exchange.ts';

export type HttpClient = {
  /** Rejects with whatever ended the call; `failures.ts` says what that means. */
  call(request: HttpCall): Promise<HttpAnswer>;
  close(): Promise<void>;
};

/** Thrown when a provider's name resolves to an address that it may not have. */
export class AddressRefused extends Error {
  constructor(hostname: string, problem: string) {
    super(`${hostname} resolves to ${problem}`);
    this.name = 'AddressRefused';
  }
}

/** How long a streamed answer may stand still once it has begun. */
const STREAM_IDLE_MS = 60_000;

/**
 * The one outgoing call of the product, one pool per provider. undici's dispatcher neither follows redirects nor
 * decompresses. Its inactivity timeouts are off: an answer that drips in never trips them, so that the total deadline is
 * what counts. `maxResponseBytes` bounds streamed answers, too.
 */
export function createHttpClient(options: {
  origin: string;
  allowPrivate: boolean;
  connections: number;
  maxResponseBytes: number;
  streamIdleMs?: number;
}): HttpClient {
  const { origin, streamIdleMs = STREAM_IDLE_MS } = options;
  const { protocol } = new URL(origin);
  const pool = new Pool(origin, {
    connections: options.connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: options.maxResponseBytes,
    connect: { timeout: 10_000, lookup: createLookup(protocol, options.allowPrivate) },
  });
  return {
    call: (request) =>
      new Promise((resolve, reject) => {
        if (request.signal?.aborted) return reject(request.signal.reason);
        const { method, path, headers, body = null } = request;
        pool.dispatch({ method, path, headers, body }, new Exchange(request, streamIdleMs, { resolve, reject }));
      }),
    close: () => pool.destroy(),
  };
}

type LookupCallback = (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void;

/** Why a provider must not be called at this address, or undefined when it may be. */
export function refusalOf(protocol: string, allowPrivate: boolean, address: string): string | undefined {
  switch (kindOfAddress(address)) {
    case 'forbidden':
      return 'a link-local or reserved address, which is never called';
    case 'private':
      return allowPrivate ? undefined : 'a private address; set allow_private: true if that is meant';
    case 'public':
      return protocol === 'https:'
        ? undefined
        : 'a public address, where http would send the key in the clear; use https';
  }
}

/** Resolves and judges in one step, so that what was checked is what is connected to. */
function createLookup(protocol: string, allowPrivate: boolean) {
  return (hostname: string, options: object, callback: LookupCallback): void => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const refusal = addresses.map(({ address }) => refusalOf(protocol, allowPrivate, address)).find(Boolean);
      if (refusal === undefined) callback(null, addresses);
      else callback(new AddressRefused(hostname, refusal), []);
    });
  };
}
