import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRedisServer } from '../../src/store/embedded/find.ts';
import { Workshop } from '../support/cli.ts';
import { until } from '../support/harness.ts';
import { SECRET } from './bad-files.ts';

describe('a Redis that is not fit is refused with exit code 3', () => {
  let workshop: Workshop;
  const servers: ChildProcess[] = [];

  /** A server with settings of its own, on a socket and on a port, without any data. */
  async function startServer(name: string, ...settings: string[]): Promise<{ socket: string; port: number }> {
    const port = await freePort();
    const socket = join(workshop.directory, `${name}.sock`);
    const usual = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--unixsocket',
      socket,
      '--save',
      '',
      '--appendonly',
      'yes',
    ];
    const server = await findRedisServer();
    const folder = await mkdtemp(join(workshop.directory, 'redis-'));
    const child = spawn(server?.path ?? 'redis-server', [...usual, ...settings], { cwd: folder, stdio: 'ignore' });
    servers.push(child);
    await until('the server to open its socket', () => existsSync(socket));
    return { socket, port };
  }

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.configure('http://127.0.0.1:9/v1');
  });
  afterAll(async () => {
    for (const server of servers) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    await workshop.close();
  });

  it.each([
    [
      'that has another password',
      ['--requirepass', 'right-right-right'],
      'cannot be used: the password is wrong or missing',
    ],
    ['that is a replica', ['--replicaof', '127.0.0.1', '1'], 'is not fit: it is a read-only replica; use the primary'],
    [
      'that evicts',
      ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
      'is not fit: maxmemory-policy is allkeys-lru: it would drop jobs; set it to noeviction',
    ],
  ])('one %s', async (name, settings, says) => {
    const { port } = await startServer(name.replaceAll(' ', '-'), ...settings);
    const startedAt = Date.now();
    const host = name.includes('password') ? `:${SECRET}@127.0.0.1:${port}` : `127.0.0.1:${port}`;
    const run = await workshop.run(['batch', 'list'], { env: { REDIS_URL: `redis://${host}/1` } });
    expect(run).toEqual({ code: 3, stdout: '', stderr: `sluice: Redis at redis://127.0.0.1:${port}/1 ${says}\n` });
    expect(Date.now() - startedAt).toBeLessThan(10_000);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
