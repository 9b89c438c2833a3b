import { Redis } from 'ioredis';
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { pino } from 'pino';
import { Config } from '../../src/domain/config.ts';
import { inspectServer } from '../../src/store/fitness.ts';
import { WorkerPool } from '../../src/workers/pool.ts';
import { threeModels, uniquePrefix } from '../support/harness.ts';
import { startOwnRedis } from '../support/own-redis.ts';

function createPool(url: string): WorkerPool {
  const provider = { base_url: 'http://127.0.0.1:1', allow_private: true };
  const config = Config.parse({
    providers: { alpha: provider, beta: provider },
    models: threeModels(),
    redis: { prefix: uniquePrefix() },
  });
  const pool = new WorkerPool({ config, redis: { url }, logger: pino({ level: 'silent' }) });
  onTestFinished(() => pool.stop(0));
  return pool;
}

describe('a pool does not start', () => {
  test('on a Redis that evicts', async () => {
    const { port } = await startOwnRedis(['--maxmemory-policy', 'allkeys-lru']);
    await expect(createPool(`redis://127.0.0.1:${port}`).start()).rejects.toMatchObject({
      name: 'InputError',
      exitCode: 3,
      message:
        `Redis at redis://127.0.0.1:${port} is not fit: ` +
        'maxmemory-policy is allkeys-lru: it would drop jobs; set it to noeviction',
    });
  });

  test('on a replica', async () => {
    const primary = await startOwnRedis();
    const { port } = await startOwnRedis(['--replicaof', `127.0.0.1 ${primary.port}`]);
    await expect(createPool(`redis://127.0.0.1:${port}`).start()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('it is a read-only replica; use the primary'),
    });
  });

  test('with a clock that is more than a second from the one of Redis', async () => {
    const realNow = Date.now;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + 1_500);
    onTestFinished(() => clock.mockRestore());
    await expect(createPool(`unix://${inject('redisSocket')}`).start()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/its clock and this machine's are 1[45]\d\d ms apart; set them right$/),
    });
  });
});

test('a slow answer of Redis makes no clock wrong', async () => {
  const redis = new Redis(inject('redisSocket'));
  onTestFinished(() => redis.disconnect());
  // Between the two readings of our clock lie four seconds.
  let readings = 0;
  const now = (): number => Date.now() + (readings++ === 0 ? -3_900 : 100);
  expect(await inspectServer(redis, now)).toEqual([]);
});
