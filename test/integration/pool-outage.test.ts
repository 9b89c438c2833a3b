import { expect, test } from 'vitest';
import { until } from '../support/harness.ts';
import { openOwnRedisStage } from '../support/own-redis.ts';

test('a pool stops within its time while Redis cannot be reached, with calls under way or without', async () => {
  const stage = await openOwnRedisStage({ latencyMs: 60_000, config: { workers: { grace: '200ms' } } });
  const [busy, idle] = [stage.createPool('behind-proxy'), stage.createPool('behind-proxy')];
  await busy.start();
  await stage.producer.enqueue({ prompt: 'hello' });
  await until('the call', () => stage.sim.ledger.totals().calls === 1);
  await idle.start();
  stage.proxy.blackhole();
  await Promise.all([busy.stop(), idle.stop()]);
  expect(stage.sim.ledger.totals()).toMatchObject({ calls: 1 });
  await until('the call to be broken off', () => stage.sim.ledger.totals().aborted === 1);
});
