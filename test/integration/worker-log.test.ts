import { expect, test } from 'vitest';
import { until } from '../support/harness.ts';
import { openOwnRedisStage } from '../support/own-redis.ts';

test('a worker that cannot read a job says so, and quotes nothing of it', async () => {
  const { redis, keys, producer, createPool, lines } = await openOwnRedisStage();
  const { id } = await producer.enqueue({ prompt: 'x', lane: 'batch' });
  await redis.hset(`${keys.lane('batch')}${id}`, 'data', '{"prompt": SECRET words of a prompt}');
  const pool = createPool();
  await pool.start();
  await until('a line', () => lines.length > 0);
  await pool.stop(0);
  expect(lines).toMatchObject([{ lane: 'batch', error: 'the entry of a job cannot be read' }]);
  expect(JSON.stringify(lines)).not.toContain('SECRET');
});
