import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { startRedisServer } from '../chaos/redis-server.ts';
import { openStores, uniquePrefix } from '../support/harness.ts';
import { LedgerPlay, step } from '../support/ledger-play.ts';
import { answeredAttempt, historyOf, sendOut } from '../support/ledger-steps.ts';

test('whatever is admitted, sent, settled, repeated, given back, lost and reaped, in whatever order and hour, the sums are those of the model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const stores = openStores();
      try {
        await new LedgerPlay(stores, () => stores.redis.script('FLUSH')).all(steps);
      } finally {
        await stores.close();
      }
    }),
    { numRuns: 300, interruptAfterTimeLimit: 15_000 },
  );
});

test('likewise when Redis is killed between two steps and started again from its AOF', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-model-'));
  const server = await startRedisServer({ directory, appendfsync: 'always' });
  const restart = async (): Promise<void> => {
    await server.killHard();
    await server.restart();
  };
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        const stores = openStores(uniquePrefix(), `redis://127.0.0.1:${server.port}`);
        // What is on its way when the server dies is not what is looked at here.
        stores.redis.on('error', () => {});
        try {
          await new LedgerPlay(stores, restart).all([...steps, { kind: 'restart', job: 0 }]);
        } finally {
          stores.redis.disconnect();
        }
      }),
      { numRuns: 12, interruptAfterTimeLimit: 15_000 },
    );
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
});

test('the sums hold for costs up to a million dollars, to the nano-dollar', async () => {
  const stores = openStores();
  const { ledger, usage } = stores;
  const million = 1_000_000 * 1e9;
  await sendOut(ledger, { job: 'a', hold: million - 1, limit: 2 * million });
  await historyOf(ledger, 'a');
  await ledger.settle(answeredAttempt({ job: 'a', cost: 3 }));
  expect((await usage()).map((record) => record.cost_nanos)).toEqual([million - 1, 4 - million]);
  expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 3, heldNanos: 0 });
  await stores.close();
});
