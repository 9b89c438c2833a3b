import { expect, test } from 'vitest';
import { expectBalanced } from '../support/books.ts';
import { until, useHarness } from '../support/harness.ts';
import { openOwnRedisStage } from '../support/own-redis.ts';

const LOCK_MS = 600;
const CONFIG = { workers: { lock: `${LOCK_MS}ms` } } as const;
const FIRST_NEVER_ANSWERS = [{ model: 'sim/small', kind: 'timeout', rate: 1, first: 1 }] as const;
const open = useHarness();

test('a worker that is cut off from Redis breaks its call off when the lock runs out, and another ends the job', async () => {
  const stage = await openOwnRedisStage({ faults: FIRST_NEVER_ANSWERS, config: CONFIG });
  const { proxy, sim, producer, ledger } = stage;
  await stage.createPool('behind-proxy').start();
  const { id } = await producer.enqueue({ prompt: 'hello' });
  await until('the call', () => sim.ledger.totals().calls === 1);

  const cutAtMs = performance.now();
  proxy.blackhole();
  await until('the end of the call', () => sim.ledger.totals().aborted === 1);
  // The last renewal was confirmed before the cut.
  expect(performance.now() - cutAtMs).toBeLessThan(LOCK_MS + 200);
  await stage.createPool().start();
  expect(await producer.waitFor(id, { timeoutMs: 20_000 })).toMatchObject({
    status: 'completed',
    attempts: [{ outcome: 'unconfirmed', error_code: 'INTERRUPTED' }, { outcome: 'completed' }],
  });

  proxy.heal();
  await until('what the first worker had to say', async () => (await ledger.openAttempts()) === 0);
  expect(sim.ledger.totals().calls).toBe(2);
  await expectBalanced(stage);
});

test('a Redis that stops answering costs the calls under way, and no call is made before it answers again', async () => {
  const stage = await openOwnRedisStage({ faults: FIRST_NEVER_ANSWERS, config: CONFIG });
  const { server, sim, producer } = stage;
  await stage.createPool().start();
  const ids = await Promise.all([1, 2].map(async (row) => (await producer.enqueue({ prompt: `row ${row}` })).id));
  await until('a call that hangs', () => sim.ledger.totals().calls === 2 && sim.ledger.totals().answered === 1);

  server.suspend();
  await until('the end of the call', () => sim.ledger.totals().aborted === 1);
  expect(sim.ledger.totals().calls).toBe(2);
  server.resume();
  const results = await Promise.all(ids.map((id) => producer.waitFor(id, { timeoutMs: 20_000 })));
  expect(results.map((result) => result.status)).toEqual(['completed', 'completed']);
  expect(sim.ledger.totals().calls).toBe(3);
  await expectBalanced(stage);
});

test('a call that takes several times as long as the lock is left alone', async () => {
  const harness = await open({
    config: { workers: { lock: '800ms' } },
    faults: [{ model: 'sim/small', kind: 'slow', rate: 1, first: 1, delayMs: 2_500 }],
  });
  await harness.startPool();
  const [result] = await harness.run([{ prompt: 'hello' }]);
  expect(result).toMatchObject({ status: 'completed', attempts: [{ model: 'small', outcome: 'completed' }] });
  expect(harness.sim.ledger.totals()).toMatchObject({ calls: 1, aborted: 0 });
});
