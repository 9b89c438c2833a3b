import { lookup } from 'node:dns';
import { Pool } from 'undici';
import { kindOfAddress } from '../domain/address.ts';

export type HttpAnswer = { status: number; headers: Record<string, string | string[] | undefined>; text: string };

export type HttpCall = {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
  timeoutMs: number;
  signal?: AbortSignal;
};

export type HttpClient = {
  call(request: HttpCall): Promise<HttpAnswer>;
  close(): Promise<void>;
};

/** Thrown (as an abort reason) when the total deadline of a call has passed. */
export class DeadlinePassed extends Error {
  constructor(timeoutMs: number) {
    super(`no complete answer within ${timeoutMs} ms`);
    this.name = 'DeadlinePassed';
  }
}

/** Thrown when a provider's name resolves to an address that it may not have. */
export class AddressRefused extends Error {
  constructor(hostname: string, problem: string) {
    super(`${hostname} resolves to ${problem}`);
    this.name = 'AddressRefused';
  }
}

/**
 * The one outgoing call of the product, one pool per provider. Built on undici's `request`, which neither follows
 * redirects nor decompresses. The inactivity timeouts are off: an answer that drips in never trips them, so that the
 * total deadline is what counts.
 */
export function createHttpClient(options: {
  origin: string;
  allowPrivate: boolean;
  connections: number;
  maxResponseBytes: number;
}): HttpClient {
  const { protocol } = new URL(options.origin);
  const pool = new Pool(options.origin, {
    connections: options.connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: options.maxResponseBytes,
    connect: { timeout: 10_000, lookup: createLookup(protocol, options.allowPrivate) },
  });

  async function call(request: HttpCall): Promise<HttpAnswer> {
    const controller = new AbortController();
    const forward = (): void => controller.abort(request.signal?.reason);
    if (request.signal?.aborted) forward();
    request.signal?.addEventListener('abort', forward, { once: true });
    const timer = setTimeout(() => controller.abort(new DeadlinePassed(request.timeoutMs)), request.timeoutMs);
    try {
      const { statusCode, headers, body } = await pool.request({
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        signal: controller.signal,
      });
      return { status: statusCode, headers, text: await body.text() };
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', forward);
    }
  }

  return { call, close: () => pool.destroy() };
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
