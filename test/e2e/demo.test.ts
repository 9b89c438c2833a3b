import { describe, expect, it } from 'vitest';
import { createKeys } from '../../src/store/keys.ts';
import { createBatchStore } from '../../src/store/batches.ts';
import { type Workshop, useWorkshop } from '../support/cli.ts';
import { openStores, until } from '../support/harness.ts';

const openWorkshop = useWorkshop();

/** What the demos of the usual place have in Redis. */
async function demoBatches(workshop: Workshop): ReturnType<ReturnType<typeof createBatchStore>['list']> {
  return createBatchStore(workshop.stores.redis, createKeys('{sluice-demo}'), { ttlMs: 1_000 }).list(10);
}

describe('the demo', () => {
  it('runs twice at the same time, and each adds up by itself', async () => {
    const workshop = await openWorkshop();
    const first = workshop.start(['demo', '--json']);
    await until('the first to have begun', async () => (await demoBatches(workshop)).length > 0, 30_000);
    const demos = [first, workshop.start(['demo', '--json', '--workers', '1'])];
    for (const demo of demos) {
      expect({ code: await demo.exited, stderr: demo.stderr }).toEqual({ code: 0, stderr: '' });
      expect(demo.stdout).toMatch(/^\{.*\}\n$/);
      const figures = JSON.parse(demo.stdout) as Record<string, number>;
      expect(Object.keys(figures)).toEqual([
        'rows',
        'completed',
        'failed',
        'attempts',
        'fallbacks',
        'provider_calls',
        'usage_records',
        'cost_usd',
        'duration_ms',
      ]);
      const { rows, completed, failed, attempts, fallbacks, provider_calls: calls, usage_records: records } = figures;
      expect(rows).toBeGreaterThanOrEqual(150);
      expect({ completed, failed }).toEqual({ completed: rows, failed: 0 });
      expect(records).toBe(calls);
      expect(attempts).toBe(calls);
      expect(fallbacks).toBeGreaterThan(0);
      expect(figures['cost_usd']).toBeGreaterThan(0);
    }
    expect(workshop.left()).toEqual([]);
  });

  it('leaves nothing when it is interrupted: no process, no row in the queue, nothing reserved', async () => {
    const workshop = await openWorkshop();
    const demo = workshop.start(['demo']);
    await until('some rows', async () => ((await demoBatches(workshop))[0]?.completed ?? 0) > 20, 30_000);
    expect(await demo.end('SIGINT')).toBe(130);
    await until('the workers to end', () => workshop.left().length === 0);
    const [batch] = await demoBatches(workshop);
    expect(batch).toMatchObject({ state: 'cancelled' });
    expect((batch?.completed ?? 0) + (batch?.failed ?? 0)).toBe(batch?.total);
    expect(demo.stdout).toContain('they agree');
    const stores = openStores('{sluice-demo}', workshop.redis.socketPath);
    try {
      expect(await stores.ledger.openAttempts()).toBe(0);
      expect(await stores.money()).toMatchObject({ heldNanos: 0 });
    } finally {
      await stores.close();
    }
  });
});
