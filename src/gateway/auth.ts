import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import {
  type ApiKey,
  type StoredApiKey,
  idOfSecret,
  isSecretOf,
  looksLikeSecret,
  stateOfKey,
} from '../domain/api-key.ts';
import { isLoopbackHost } from '../domain/address.ts';
import { createFailureLimit } from '../domain/failure-limit.ts';
import { createApiKeyReader } from '../store/api-key-reader.ts';
import { ApiError } from './api-error.ts';
import type { Caller } from './caller.ts';
import type { GatewayTools } from './tools.ts';

const ANYBODY: Caller = { account: 'default' };

/** No key has it; it is looked up, and compared, for what is no secret of ours. */
const NO_ID = '000000000000';

export type AuthOptions = {
  /** Callers without a key are let in: the operator has said so, and the server listens on a loopback address. */
  allowAnonymous: boolean;
};

/**
 * An `onRequest` hook that sets `request.caller`, or throws an ApiError: 401 for what is no valid key, whatever is wrong
 * with it, and 429 for an address from which many of those came.
 */
export function createAuth(
  tools: Pick<GatewayTools, 'redis' | 'keys' | 'logger' | 'now'>,
  { allowAnonymous }: AuthOptions,
): (request: FastifyRequest) => Promise<void> {
  const { redis, keys, logger, now } = tools;
  const reader = createApiKeyReader(redis, keys);
  const failures = createFailureLimit(now);

  /** Always the same steps, so that their time does not tell what is wrong. */
  async function find(secret: string): Promise<{ key: ApiKey | undefined; reason: string }> {
    const id = idOfSecret(secret);
    const stored: StoredApiKey | undefined = await reader.find(id ?? NO_ID);
    const isKnown = isSecretOf(secret, stored, now());
    if (stored === undefined || !isKnown) {
      const reason = id === undefined ? 'malformed' : stored === undefined ? 'unknown' : 'wrong secret';
      return { key: undefined, reason };
    }
    const state = stateOfKey(stored.key, now());
    return { key: state === 'active' ? stored.key : undefined, reason: state };
  }

  /**
   * Whoever has a valid key is never kept out for others' failures: behind a proxy all have one address. What is bounded
   * is the log, and clients that go on trying with a key that has ended.
   */
  async function refuse(request: FastifyRequest, secret: string, reason: string): Promise<ApiError> {
    if (!(await reader.areThereAny())) return noKeys();
    if (failures.isReached(request.ip)) {
      return new ApiError(429, 'rate_limit_error', 'too many requests with a bad API key; wait before the next one', {
        code: 'rate_limit_exceeded',
        retry: { afterMs: failures.retryAfterSeconds() * 1_000 },
      });
    }
    failures.count(request.ip);
    const id = idOfSecret(secret);
    logger.warn({ api_key: id, reason, address: request.ip }, 'API key refused');
    const which = id === undefined ? 'this API key' : `API key ${id}`;
    return unauthorized(`${which} is not valid: it is wrong, revoked or expired`);
  }

  return async function authenticate(request: FastifyRequest): Promise<void> {
    const secret = secretIn(request.headers);
    const isOpen = allowAnonymous && comesFromHere(request.headers);
    if (secret === undefined) {
      if (!isOpen) throw await missing();
      request.caller = ANYBODY;
      return;
    }
    // Most clients cannot leave the key out: where none is needed they send any text.
    if (isOpen && !looksLikeSecret(secret)) {
      request.caller = ANYBODY;
      return;
    }
    const { key, reason } = await find(secret);
    if (!key) throw await refuse(request, secret, reason);
    request.caller = callerOf(key);
  };

  async function missing(): Promise<ApiError> {
    if (!(await reader.areThereAny())) return noKeys();
    return unauthorized('no API key was given; send the header "Authorization: Bearer sk-sluice-..."');
  }
}

/** As OpenAI's clients send it, Anthropic's, or Azure's. */
function secretIn(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const [secret] = [bearer, headers['x-api-key'], headers['api-key']].flatMap((given) => given || []);
  return secret;
}

/** What proxies add: whoever asks one on this machine may be anywhere. */
const OF_PROXIES = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const;

const PORT = /:\d{1,5}$/;

/**
 * Whether a request without a key was meant for this machine. A page in a browser may send requests to loopback addresses
 * for somebody else: it then tells its origin, or, behind a name that was made to point here, that name as the host.
 */
function comesFromHere(headers: IncomingHttpHeaders): boolean {
  const { host = '', origin } = headers;
  if (!isLoopbackHost(host.replace(PORT, '').toLowerCase())) return false;
  if (OF_PROXIES.some((name) => headers[name] !== undefined)) return false;
  return origin === undefined || (URL.canParse(origin) && isLoopbackHost(new URL(origin).hostname));
}

function callerOf({ id, terms }: ApiKey): Caller {
  const { name, account, models, lanes, budget_usd: budgetUsd, budget_window: budgetWindow } = terms;
  const { requests_per_minute, tokens_per_minute, concurrency } = terms;
  return {
    account,
    key: {
      id,
      name,
      limits: { requests_per_minute, tokens_per_minute, concurrency },
      ...(budgetUsd !== undefined && { budgetUsd, budgetWindow }),
    },
    ...(models && { models }),
    ...(lanes && { lanes }),
  };
}

function noKeys(): ApiError {
  return unauthorized('this gateway has no API keys yet; its operator makes one with: sluice key create --name NAME');
}

function unauthorized(message: string): ApiError {
  return new ApiError(401, 'invalid_request_error', message, { code: 'invalid_api_key' });
}
