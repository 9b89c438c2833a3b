import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { embeddedRedisStatus, stopEmbeddedRedis } from '../../src/store/embedded/index.ts';
import { EmbeddedFolder, endNow, isRunning, withClient } from '../support/embedded-folder.ts';

let folder: EmbeddedFolder;
beforeEach(async () => {
  folder = await EmbeddedFolder.create();
});
afterEach(() => folder.close());

describe('the embedded Redis', () => {
  test('is private, durable and never evicts', async () => {
    const redis = await folder.acquire();
    const settings = await withClient(redis, async (client) =>
      Object.fromEntries(
        await Promise.all(
          ['port', 'appendonly', 'appendfsync', 'maxmemory-policy', 'save'].map(
            async (name) => (await client.config('GET', name)) as [string, string],
          ),
        ),
      ),
    );
    expect(settings).toEqual({
      port: '0',
      appendonly: 'yes',
      appendfsync: 'everysec',
      'maxmemory-policy': 'noeviction',
      save: '',
    });
    expect((await stat(redis.socketPath)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder.directory, '.sluice', 'redis'))).mode & 0o777).toBe(0o700);
    expect(await readFile(join(folder.directory, '.sluice', '.gitignore'), 'utf8')).toBe('*\n');
    expect(redis.binary.path).toMatch(/^\/.*(redis|valkey)-server$/);
    expect(redis.binary.version).toMatch(/^\d+\.\d+/);
    await redis.release();
    expect(folder.logged).toEqual([]);
  });

  test('is shared by the processes of a folder and ends with the last one out', async () => {
    const first = await folder.startUser();
    const second = await folder.startUser();
    const pid = await folder.serverPid();
    expect([first.startedHere, second.startedHere]).toEqual([true, false]);
    expect(await embeddedRedisStatus(folder.directory)).toMatchObject({
      running: true,
      clients: 2,
      userPids: expect.arrayContaining([first.process.pid, second.process.pid]),
    });
    await first.release();
    expect(await folder.serverPid()).toBe(pid);
    await second.release();
    expect(isRunning(pid)).toBe(false);
    expect(await embeddedRedisStatus(folder.directory)).toEqual({ running: false });
  });

  test('ends when its last two users leave at the same moment', async () => {
    const pair = await Promise.all([folder.startUser(), folder.startUser()]);
    const pid = await folder.serverPid();
    await Promise.all(pair.map((user) => user.release()));
    expect(isRunning(pid)).toBe(false);
  });

  test('is started once by five processes that come at the same moment', async () => {
    const five = await Promise.all(Array.from({ length: 5 }, () => folder.startUser()));
    expect(five.filter((user) => user.startedHere)).toHaveLength(1);
    expect(await embeddedRedisStatus(folder.directory)).toMatchObject({ clients: 5 });
    await folder.serverPid();
    await Promise.all(five.map((user) => user.release()));
  });

  test('runs for a user who comes while the last one leaves', async () => {
    const first = await folder.acquire();
    const [, second] = await Promise.all([first.release(), folder.acquire()]);
    await expect(withClient(second, (client) => client.ping())).resolves.toBe('PONG');
    await second.release();
  });

  test('keeps its data between runs', async () => {
    const first = await folder.acquire();
    await withClient(first, (client) => client.set('kept', 'yes'));
    await first.release();
    const second = await folder.acquire();
    expect(second.startedHere).toBe(true);
    await expect(withClient(second, (client) => client.get('kept'))).resolves.toBe('yes');
    await second.release();
  });

  test('is released once, however often release is called', async () => {
    const [first, second] = [await folder.acquire(), await folder.acquire()];
    await Promise.all([first.release(), first.release()]);
    await first.release();
    await expect(withClient(second, (client) => client.ping())).resolves.toBe('PONG');
    await second.release();
  });

  test('stays for a connection that is not a Sluice user, and says so', async () => {
    const redis = await folder.acquire();
    const pid = await folder.serverPid();
    const stranger = new Redis(redis.connection);
    await stranger.ping();
    await redis.release();
    expect(isRunning(pid)).toBe(true);
    expect(folder.logged).toEqual([expect.stringMatching(/keeps running for 1 connection.*sluice down/)]);
    await stranger.quit();
    expect(await stopEmbeddedRedis(folder.directory)).toEqual({ outcome: 'stopped', userPids: [] });
  });

  test('the private Redis of this test run is another one', async () => {
    const redis = await folder.acquire();
    expect(redis.socketPath).not.toBe(inject('redisSocket'));
    const client = new Redis({ path: inject('redisSocket') });
    await expect(client.ping()).resolves.toBe('PONG');
    await client.quit();
    await redis.release();
  });
});

describe('stopping', () => {
  test('is refused while another process uses Redis, unless it is forced', async () => {
    const user = await folder.startUser();
    const pid = await folder.serverPid();
    const userPids = [user.process.pid];
    expect(await stopEmbeddedRedis(folder.directory)).toEqual({ outcome: 'in-use', userPids });
    expect(isRunning(pid)).toBe(true);
    expect(await stopEmbeddedRedis(folder.directory, { force: true })).toEqual({ outcome: 'stopped', userPids });
    expect(isRunning(pid)).toBe(false);
    await user.release();
  });

  test('in a folder without Redis leaves nothing there', async () => {
    expect(await stopEmbeddedRedis(folder.directory)).toEqual({ outcome: 'not-running', userPids: [] });
    expect(readdirSync(folder.directory)).toEqual([]);
  });

  test('never touches a Redis that Sluice did not start', async () => {
    const redis = await folder.acquire();
    const { socketPath } = redis;
    await redis.release();
    const config = ['--port', '0', '--unixsocket', socketPath, '--save', '', '--dir', folder.directory];
    const foreign = spawn(redis.binary.path, config, { stdio: 'ignore' });
    folder.serverPids.add(foreign.pid ?? 0);
    while (!existsSync(socketPath)) await sleep(5);
    await expect(stopEmbeddedRedis(folder.directory, { force: true })).rejects.toThrow(/not started by Sluice/);
    await expect(folder.acquire()).rejects.toThrow(/not started by Sluice/);
    expect(foreign.exitCode).toBe(null);
    await endNow(foreign);
  });
});
