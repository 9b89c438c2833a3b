import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquireEmbeddedRedis, stopEmbeddedRedis } from '../../src/store/embedded/index.ts';
import { EmbeddedFolder, endNow, isRunning, withClient } from '../support/embedded-folder.ts';

let folder: EmbeddedFolder;
beforeEach(async () => {
  folder = await EmbeddedFolder.create();
});
afterEach(() => folder.close());

describe('after a kill -9', () => {
  test('of a user, Redis is left running until it is stopped', async () => {
    const user = await folder.startUser();
    const pid = await folder.serverPid();
    await endNow(user.process);
    expect(isRunning(pid)).toBe(true);
    expect(await stopEmbeddedRedis(folder.directory)).toEqual({ outcome: 'stopped', userPids: [] });
    expect(isRunning(pid)).toBe(false);
    expect(await stopEmbeddedRedis(folder.directory)).toEqual({ outcome: 'not-running', userPids: [] });
  });

  test('of a user, the next one takes Redis over and ends it', async () => {
    const user = await folder.startUser();
    const pid = await folder.serverPid();
    await endNow(user.process);
    const next = await folder.acquire();
    expect(next.startedHere).toBe(false);
    await next.release();
    expect(isRunning(pid)).toBe(false);
  });

  test('of Redis, the next user starts it with its data and the others come back to it', async () => {
    const first = await folder.acquire();
    const client = new Redis(first.connection);
    client.on('error', () => undefined);
    await client.set('kept', 'yes');
    // What everysec has not written to the disk yet is in the kernel already, so only the machine's end could lose it.
    await folder.killServer();
    const second = await folder.acquire();
    expect(second.startedHere).toBe(true);
    await expect(client.get('kept')).resolves.toBe('yes');
    while ((await folder.countUsers()) < 2) await sleep(5);
    await client.quit();
    await second.release();
    const pid = await folder.serverPid();
    await first.release();
    expect(isRunning(pid)).toBe(false);
  });

  test('of Redis, its user can still leave', async () => {
    const redis = await folder.acquire();
    await folder.killServer();
    await redis.release();
    expect(await stopEmbeddedRedis(folder.directory)).toEqual({ outcome: 'not-running', userPids: [] });
  });

  test('of a process that held the lock, the lock is taken over', async () => {
    const user = await folder.startUser();
    await user.release();
    const lock = { pid: user.process.pid, identity: 'gone', token: 'dead' };
    await writeFile(join(folder.directory, '.sluice', 'redis', 'lock'), JSON.stringify(lock));
    const pair = await Promise.all([folder.acquire(), folder.acquire()]);
    expect(pair.filter((redis) => redis.startedHere)).toHaveLength(1);
    await Promise.all(pair.map((redis) => redis.release()));
    expect(readdirSync(join(folder.directory, '.sluice', 'redis')).filter((name) => name.startsWith('lock'))).toEqual(
      [],
    );
  });

  test('a lock of a living pid that belongs to another process by now is taken over', async () => {
    await mkdir(join(folder.directory, '.sluice', 'redis'), { recursive: true });
    const lock = { pid: process.pid, identity: 'an earlier process', token: 'dead' };
    await writeFile(join(folder.directory, '.sluice', 'redis', 'lock'), JSON.stringify(lock));
    await (await folder.acquire()).release();
  });

  test('a lock file that was never written is taken over once it is old', async () => {
    const path = join(folder.directory, '.sluice', 'redis', 'lock');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '');
    await utimes(path, 0, 0);
    await (await folder.acquire()).release();
  });
});

describe('trouble', () => {
  test('a socket that was removed is replaced, and no second server writes the same files', async () => {
    const first = await folder.acquire();
    const lostPid = await folder.serverPid();
    await rm(first.socketPath);
    const second = await folder.acquire();
    expect(second.startedHere).toBe(true);
    expect(isRunning(lostPid)).toBe(false);
    await first.release();
    await second.release();
  });

  test('a folder that was removed in use does not leave its Redis behind', async () => {
    const redis = await folder.acquire();
    const pid = await folder.serverPid();
    await rm(join(folder.directory, '.sluice'), { recursive: true });
    await redis.release();
    expect(isRunning(pid)).toBe(false);
    expect(readdirSync(folder.directory)).toEqual([]);
  });

  test('a folder too deep for a socket gets a private one in the folder for temporary files', async () => {
    const deep = join(folder.directory, 'd'.repeat(60), 'e'.repeat(60), 'with "quotes" and spaces');
    await mkdir(deep, { recursive: true });
    const first = await folder.acquire(deep);
    const second = await folder.acquire(deep);
    const socketDirectory = dirname(first.socketPath);
    expect(Buffer.byteLength(first.socketPath)).toBeLessThan(100);
    expect(second.startedHere).toBe(false);
    expect((await stat(socketDirectory)).mode & 0o777).toBe(0o700);
    await first.release();
    await second.release();
    expect(existsSync(socketDirectory)).toBe(false);
  });

  test('a shared folder in the place of the private one is refused', async () => {
    const deep = join(folder.directory, 'd'.repeat(100));
    await mkdir(deep);
    const redis = await folder.acquire(deep);
    await redis.release();
    const socketDirectory = dirname(redis.socketPath);
    await mkdir(socketDirectory, { mode: 0o755 });
    await expect(folder.acquire(deep)).rejects.toThrow(
      `${socketDirectory} must be a folder of this user with mode 0700`,
    );
    await rm(socketDirectory, { recursive: true });
  });

  test('a server that dies at its start is reported with the end of its log', async () => {
    await mkdir(join(folder.directory, '.sluice', 'redis', 'appendonlydir'), { recursive: true });
    const manifest = join(folder.directory, '.sluice', 'redis', 'appendonlydir', 'appendonly.aof.manifest');
    await writeFile(manifest, 'this is no manifest\n');
    await expect(folder.acquire()).rejects.toThrow(/Redis ended while it started.*redis\.log:\n.*manifest/s);
  });

  test('a server that dies while it loads its data is reported with the end of its log', async () => {
    const first = await folder.acquire();
    await withClient(first, (client) => client.set('key', 'x'.repeat(1000)));
    await first.release();
    const files = join(folder.directory, '.sluice', 'redis', 'appendonlydir');
    const name = readdirSync(files).find((name) => name.endsWith('.incr.aof')) ?? '';
    await writeFile(join(files, name), `not a command\n${await readFile(join(files, name), 'utf8')}`);
    await expect(folder.acquire()).rejects.toThrow(/Redis ended while it started.*Bad file format/s);
  });

  test('a missing server is reported with the ways to get one', async () => {
    const options = {
      directory: folder.directory,
      log: (line: string) => folder.logged.push(line),
      find: async () => undefined,
    };
    await expect(acquireEmbeddedRedis({ ...options, install: false })).rejects.toThrow(/brew.*--install-redis/s);
    await expect(acquireEmbeddedRedis({ ...options, install: async () => false })).rejects.toThrow(/--install-redis/);
    expect(folder.logged).toEqual([]);
  });
});
