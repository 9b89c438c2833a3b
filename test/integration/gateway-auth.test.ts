import fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { type Logger, pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiKeyTerms } from '../../src/domain/api-key.ts';
import type { ApiError } from '../../src/gateway/api-error.ts';
import { createAuth } from '../../src/gateway/auth.ts';
import { type ApiKeyStore, createApiKeyStore } from '../../src/store/api-keys.ts';
import { type Stores, openStores } from '../support/harness.ts';

let stores: Stores;
let store: ApiKeyStore;
let lines: string[];
let logger: Logger;
let now: number;
const apps: FastifyInstance[] = [];

beforeEach(() => {
  stores = openStores();
  now = Date.now();
  store = createApiKeyStore(stores.redis, stores.keys, () => now);
  lines = [];
  logger = pino({}, { write: (line: string) => void lines.push(line) });
});
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  await stores.close();
});

/** A server that tells who asks. */
function start(allowAnonymous = false): (headers: InjectOptions['headers'], address?: string) => Promise<unknown> {
  const app = fastify();
  apps.push(app);
  app.addHook('onRequest', createAuth({ ...stores, logger, now: () => now }, { allowAnonymous }));
  app.setErrorHandler(({ message, status, type, code, retry }: ApiError, _request, reply) =>
    reply.code(status).send({ message, status, type, code, retry }),
  );
  app.get('/', (request) => request.caller);
  return async (headers = {}, remoteAddress = '10.0.0.1') =>
    (await app.inject({ url: '/', headers: { host: 'localhost:4000', ...headers }, remoteAddress })).json();
}

const create = (terms: Partial<ApiKeyTerms> = {}) => store.create(ApiKeyTerms.parse({ name: 'shop', ...terms }));
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

describe('a valid key', () => {
  test('tells who asks, in whichever header', async () => {
    const { key, secret } = await create({
      account: 'team',
      models: ['small'],
      lanes: ['batch'],
      requests_per_minute: 60,
      budget_usd: 5,
      budget_window: 'day',
    });
    const ask = start();
    const caller = {
      account: 'team',
      models: ['small'],
      lanes: ['batch'],
      key: { id: key.id, name: 'shop', limits: { requests_per_minute: 60 }, budgetUsd: 5, budgetWindow: 'day' },
    };
    for (const headers of [bearer(secret), { authorization: `bearer  ${secret}` }, { 'x-api-key': secret }]) {
      expect(await ask(headers)).toEqual(caller);
    }
    expect(await ask({ 'api-key': secret, authorization: 'Basic dXNlcjpwYXNz' })).toEqual(caller);
  });

  test('is let in from an address from which many bad ones came', async () => {
    const { key, secret } = await create();
    const ask = start();
    const bad = bearer(`${secret.slice(0, -4)}0000`);
    const answers = [];
    for (let tries = 0; tries < 11; tries += 1) answers.push(await ask(bad));
    expect(answers[9]).toMatchObject({ status: 401 });
    expect(answers[10]).toMatchObject({ status: 429, code: 'rate_limit_exceeded', retry: { afterMs: 60_000 } });
    expect(await ask(bearer(secret))).toMatchObject({ key: { id: key.id } });
    expect(await ask(bad, '10.0.0.2')).toMatchObject({ status: 401 });
    expect(lines).toHaveLength(11);
  });
});

describe('any other key', () => {
  test('gets the same answer, whatever is wrong with it, without a word of it', async () => {
    const [good, revoked, expired] = await Promise.all([create(), create(), create({ expires_at: now })]);
    await store.revoke(revoked.key.id);
    const unknown = good.secret.replace(good.key.id, '0123456789ab');
    const wrong = `${good.secret.slice(0, -4)}0000`;
    const ask = start();
    for (const secret of [unknown, wrong, revoked.secret, expired.secret]) {
      const id = secret.slice(10, 22);
      const message = `API key ${id} is not valid: it is wrong, revoked or expired`;
      expect(await ask(bearer(secret))).toEqual({
        message,
        status: 401,
        type: 'invalid_request_error',
        code: 'invalid_api_key',
        retry: 'never',
      });
    }
    expect(await ask(bearer('sk-proj-of-somebody-else'))).toMatchObject({
      status: 401,
      message: 'this API key is not valid: it is wrong, revoked or expired',
    });
    const log = lines.join('');
    for (const reason of ['unknown', 'wrong secret', 'revoked', 'expired', 'malformed']) expect(log).toContain(reason);
    for (const secret of [unknown, wrong, revoked.secret, expired.secret]) expect(log).not.toContain(secret.slice(-20));
    expect(log).not.toContain('somebody');
  });

  test('and none at all is told what to do', async () => {
    const ask = start();
    const none = 'this gateway has no API keys yet; its operator makes one with: sluice key create --name NAME';
    expect(await ask({})).toMatchObject({ status: 401, code: 'invalid_api_key', message: none });
    expect(await ask(bearer('sk-any'))).toMatchObject({ status: 401, message: none });
    await create();
    expect(await start()({})).toMatchObject({ status: 401, message: expect.stringContaining('no API key was given') });
  });
});

describe('where anybody is let in', () => {
  test('a text that is none of our keys is taken for none; a bad one of ours is refused', async () => {
    const { key, secret } = await create();
    const ask = start(true);
    expect(await ask({})).toEqual({ account: 'default' });
    expect(await ask(bearer('not-needed'))).toEqual({ account: 'default' });
    expect(await ask(bearer(secret))).toMatchObject({ key: { id: key.id } });
    expect(await ask(bearer(secret.slice(0, -1)))).toMatchObject({ status: 401 });
  });

  test.each([
    ['a page of another site', { origin: 'https://evil.example' }],
    ['a page without an origin', { origin: 'null' }],
    ['a name that was made to point here', { host: 'evil.example:4000' }],
    ['a name that begins like ours', { host: 'localhost.evil.example' }],
    ['an address that ends like ours', { host: 'evil.example#127.0.0.1' }],
    ['a proxy on this machine', { 'x-forwarded-for': '203.0.113.7' }],
    ['one that tells the name', { 'x-forwarded-host': 'api.example.com' }],
    ['one of the standard', { forwarded: 'for=203.0.113.7' }],
    ['one like nginx', { 'x-real-ip': '203.0.113.7' }],
    ['one that only names itself', { via: '1.1 proxy' }],
  ])('%s is not', async (_, headers) => {
    await create();
    expect(await start(true)(headers)).toMatchObject({ status: 401 });
  });

  test.each([
    { host: '127.0.0.1:4000', origin: 'http://localhost:3000' },
    { host: '[::1]:4000' },
    { host: 'localhost' },
    { host: 'LocalHost:4000' },
  ])('%j is', async (headers) => {
    expect(await start(true)(headers)).toEqual({ account: 'default' });
  });
});
