import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type RedisServer, canFillDisk, startRedisServer } from '../chaos/redis-server.ts';

async function start(): Promise<{ server: RedisServer; redis: Redis }> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  const server = await startRedisServer({ directory });
  const redis = new Redis(server.port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  onTestFinished(async () => {
    redis.disconnect();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });
  return { server, redis };
}

const hasFullDisks = await canFillDisk();

describe('a Redis that is treated badly', () => {
  test('keeps its port and its data through a kill', async () => {
    const { server, redis } = await start();
    const pidBefore = server.pid;
    await redis.set('kept', 'yes');
    await server.killHard();
    await server.restart();
    expect(server.pid).not.toBe(pidBefore);
    expect(await redis.get('kept')).toBe('yes');
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  });

  test.runIf(hasFullDisks)('refuses writes while its disk is full, and loses none that it took', async () => {
    const { server, redis } = await start();
    await redis.set('before', 'yes');
    await server.fillDisk();
    const write = (): Promise<string> => redis.set('during', 'yes').catch((error: Error) => error.message);
    await expect.poll(write, { interval: 5 }).toMatch(/^MISCONF Errors writing to the AOF file/);
    await server.freeDisk();
    // Redis tries again once a second.
    await expect.poll(() => redis.set('after', 'yes').catch(() => 'no'), { interval: 20, timeout: 5_000 }).toBe('OK');
    await server.killHard();
    await server.restart();
    expect(await redis.mget('before', 'during', 'after')).toEqual(['yes', 'yes', 'yes']);
  });

  test('ends though it is suspended', async () => {
    const { server, redis } = await start();
    redis.disconnect();
    server.suspend();
    await server.stop();
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
  });
});
