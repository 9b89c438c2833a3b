import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { checkConfiguration } from '../../src/cli/checks/configuration.ts';
import { checkProviders } from '../../src/cli/checks/providers.ts';
import { checkRedis } from '../../src/cli/checks/redis.ts';
import { parseConfig } from '../../src/config/config-file.ts';
import { Config } from '../../src/domain/config.ts';
import type { Context } from '../../src/cli/context.ts';
import { readLiveObservations } from '../../src/cli/live-observations.ts';
import { openRedis } from '../../src/cli/redis.ts';
import { InputError } from '../../src/domain/errors.ts';
import { findRedisServer } from '../../src/store/embedded/index.ts';
import { createKeys } from '../../src/store/keys.ts';
import { uniquePrefix } from '../support/harness.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-checks-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function contextIn(env: Record<string, string> = {}, configFile?: string): Context {
  const base = { directory, env, configFile, installRedis: false, debug: false, isInteractive: false };
  return { ...base, print: () => {}, note: () => {} };
}

async function check(text: string, env: Record<string, string> = {}): Promise<[string, string][]> {
  const file = join(directory, 'sluice.yaml');
  await writeFile(file, text);
  return checkConfiguration(contextIn(env, file)).findings.map(({ status, message }) => [status, message]);
}

describe('the configuration', () => {
  const MODEL = 'models: { b: { provider: a, id: b, price: { input: 1, output: 1 } } }\n';

  test('has every problem named, with its line', async () => {
    const findings = await check('providers: { a: { base_url: ftp://x } }\nmodels: { b: { provider: c } }\n');
    expect(findings.map(([status]) => status)).not.toContain('ok');
    const messages = findings.map(([, message]) => message).join('\n');
    expect(messages).toMatch(/sluice.yaml:1: providers\.a\.base_url: only http and https/);
    expect(messages).toMatch(/sluice.yaml:2: models\.b\.(id|price): missing/);
  });

  test('has a key that is not set named by its variable, and is read all the same', async () => {
    const text = `providers: { a: { base_url: "https://a.example/v1", api_key: "\${A_KEY}" } }\n${MODEL}`;
    expect(await check(text)).toEqual([
      ['fail', 'sluice.yaml:1: providers.a.api_key: environment variable A_KEY is not set'],
    ]);
    const set = await check(text, { A_KEY: 'sk-0123456789' });
    expect(set.map(([status]) => status)).toEqual(['ok', 'ok']);
    expect(set.join()).not.toContain('sk-0123456789');
  });

  test('gets a warning for a key that is missing and for a price of 0, unless the server is one’s own', async () => {
    const free = MODEL.replace('input: 1, output: 1', 'input: 0, output: 0');
    const findings = await check(`providers: { a: { base_url: "https://a.example/v1" } }\n${free}`);
    expect(findings.slice(1)).toEqual([
      ['warn', 'provider a has no api_key; most want one'],
      ['warn', 'price 0 for b: budgets and routing take its calls for free; is that so?'],
    ]);
    const own = await check(`providers: { a: { base_url: "http://127.0.0.1/v1", allow_private: true } }\n${free}`);
    expect(own.map(([status]) => status)).toEqual(['ok']);
  });
});

async function checkProviderAt(base_url: string) {
  const provider = JSON.stringify({ base_url, allow_private: true });
  const model = '{ provider: it, id: b, price: { input: 1, output: 1 } }';
  const config = parseConfig(`providers: { it: ${provider} }\nmodels: { b: ${model} }\n`, 'sluice.yaml', {});
  return checkProviders(config);
}

describe('a provider', () => {
  test('that is not there fails', async () => {
    expect(await checkProviderAt('http://127.0.0.1:1/v1')).toMatchObject([
      { status: 'fail', message: expect.stringContaining('it cannot be reached (ECONNREFUSED)') },
    ]);
  });

  test('whose address has no list of models is not called ready', async () => {
    const server = await answerAll('HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}');
    try {
      const [finding] = await checkProviderAt(`http://127.0.0.1:${portOf(server)}/v1`);
      expect(finding).toMatchObject({ status: 'fail', message: expect.stringContaining('is the base_url right?') });
    } finally {
      server.close();
    }
  });
});

async function answerAll(answer: string): Promise<Server> {
  const server = createServer((socket) => socket.once('data', () => socket.end(answer)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a Redis', () => {
  let server: ChildProcess | undefined;
  afterEach(async () => {
    if (server === undefined) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
    server = undefined;
  });

  /** One that somebody else runs, with settings of their own. */
  async function startRedis(...settings: string[]): Promise<string> {
    const binary = await findRedisServer();
    const socket = join(directory, 'other.sock');
    server = spawn(binary?.path ?? '', ['--port', '0', '--save', '', '--unixsocket', socket, ...settings], {
      cwd: directory,
      stdio: 'ignore',
    });
    const client = new Redis(socket, { retryStrategy: () => 20 });
    client.on('error', () => {});
    await new Promise((resolve) => client.once('connect', resolve));
    client.disconnect();
    return `unix://${socket}`;
  }

  test.each([
    ['a URL that is none', async () => 'garbage', 'REDIS_URL is not a Redis URL'],
    ['nobody there', async () => 'redis://127.0.0.1:1', 'the connection was refused'],
    ['a password that is missing', () => startRedis('--requirepass', 'x'), 'the password is wrong or missing'],
    ['one that evicts', () => startRedis('--maxmemory-policy', 'allkeys-lru'), 'set it to noeviction'],
    ['a replica', () => startRedis('--replicaof', '127.0.0.1', '1'), 'it is a read-only replica'],
  ])('that cannot be used is refused within seconds and in one line: %s', async (_what, target, reason) => {
    const context = contextIn({ REDIS_URL: await target() });
    const startedAt = Date.now();
    const error: unknown = await openRedis(context, undefined).catch((thrown: unknown) => thrown);
    expect(Date.now() - startedAt).toBeLessThan(6_000);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ exitCode: 3, problems: [expect.stringContaining(reason)] });
    expect(await checkRedis(context, undefined)).toContainEqual({
      check: 'redis',
      status: 'fail',
      message: expect.stringContaining(reason),
    });
  });

  test('without an AOF is good enough, with a warning', async () => {
    const findings = await checkRedis(contextIn({ REDIS_URL: await startRedis() }), undefined);
    expect(findings).toMatchObject([
      { status: 'ok', message: expect.stringMatching(/answers \((redis|valkey) \d/) },
      { status: 'warn', message: expect.stringContaining('turn AOF on') },
    ]);
  });

  test('of this folder is only looked for, and not started', async () => {
    expect(await checkRedis(contextIn(), undefined)).toMatchObject([{ status: 'ok' }]);
    expect(await checkRedis(contextIn(), undefined)).toHaveLength(1);
  });
});

function configOf(prefix: string): Config {
  return Config.parse({
    redis: { prefix },
    providers: { one: { base_url: 'https://one.test/v1' } },
    models: { small: { provider: 'one', id: 'small', price: { input: 1, output: 2 } } },
  });
}

describe('live observations', () => {
  test('are read when a Redis runs', async () => {
    const redis = new Redis(inject('redisSocket'));
    const prefix = uniquePrefix();
    try {
      const keys = createKeys(prefix);
      await redis.hset(keys.observed, 'small', 2);
      await redis.lpush(keys.latencies('small'), 100, 300);
      const context = contextIn({ REDIS_URL: `unix://${inject('redisSocket')}` });
      const found = await readLiveObservations(context, configOf(prefix));
      expect(found).toMatchObject({ isLive: true, source: 'the last 2 calls of these models' });
      expect(found.latencies.get('small')).toMatchObject({ count: 2 });
      await redis.ltrim(keys.latencies('small'), 0, 0);
      const single = await readLiveObservations(context, configOf(prefix));
      expect(single.source).toBe('the last call of these models');
    } finally {
      redis.disconnect();
    }
  });

  test('are done without when none does, and when it cannot be used', async () => {
    const none = await readLiveObservations(contextIn(), configOf('{x}'));
    expect(none).toMatchObject({ isLive: false, source: 'no Redis is running here' });
    const broken = contextIn({ REDIS_URL: 'redis://127.0.0.1:1' });
    const refused = await readLiveObservations(broken, configOf('{x}'));
    expect(refused).toMatchObject({ isLive: false, source: expect.stringContaining('the connection was refused') });
  });
});
