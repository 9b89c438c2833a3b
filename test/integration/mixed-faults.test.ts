import { describe, expect, test } from 'vitest';
import { rowJobId } from '../../src/domain/row-id.ts';
import type { FaultRule } from '../../src/sim/faults.ts';
import { expectBooksToAgree } from '../support/books.ts';
import { type Harness, until, useHarness } from '../support/harness.ts';

const open = useHarness();

const MIXED_FAULTS: FaultRule[] = [
  { model: '*', kind: 503, rate: 0.08 },
  { model: '*', kind: 500, rate: 0.04 },
  { model: '*', kind: 429, rate: 0.06, retryAfterSeconds: 0.1 },
  { model: '*', kind: 'reset', rate: 0.04 },
  { model: '*', kind: 'empty', rate: 0.03 },
  { model: '*', kind: 'garbage', rate: 0.03 },
  { model: '*', kind: 'truncated', rate: 0.02 },
];

describe('300 jobs with 30 % of mixed faults', () => {
  test('all end, and every call is in the books once', async () => {
    const harness = await open({ faults: MIXED_FAULTS, config: { budgets: {} } });
    await harness.batches.register({ id: 'b', digest: 'd', total: 300, lane: 'batch', submittedAt: 1 });
    const enqueued_at = Date.now();
    await harness.queue('batch').addBulk(
      Array.from({ length: 300 }, (_, row) => ({
        name: '-',
        data: {
          v: 1 as const,
          task: null,
          lane: 'batch',
          account: 'default',
          prompt: `row ${row}`,
          enqueued_at,
          batch: { id: 'b', row, max_total_usd: 1 },
        },
        opts: { jobId: rowJobId('b', row), attempts: 4, backoff: { type: 'sluice' } },
      })),
    );
    await Promise.all([harness.startPool({ concurrency: 20 }), harness.startPool({ concurrency: 20 })]);
    const finished = async () => (await harness.batches.status('b'))?.state === 'finished';
    // Refusals make the workers go slow.
    await until('the batch to finish', finished, 55_000);

    await expectBatchToAgree(harness);
  }, 60_000);
});

async function expectBatchToAgree(harness: Harness): Promise<void> {
  const { usage, ledger, batches } = harness;
  const results = await ledger.results(Array.from({ length: 300 }, (_, row) => rowJobId('b', row)));
  const records = await usage();
  const billed = records.reduce((sum, record) => sum + record.cost_nanos, 0);
  const attempts = results.flatMap((result) => result?.attempts ?? []);
  const completed = results.filter((result) => result?.status === 'completed').length;
  const fallbacks = results.flatMap((result) =>
    (result?.attempts ?? []).filter((attempt, index, all) => index > 0 && attempt.model !== all[index - 1]?.model),
  );
  expect(await batches.status('b')).toMatchObject({
    completed,
    failed: 300 - completed,
    cached: 0,
    retrying: 0,
    attempts: attempts.length,
    fallbacks: fallbacks.length,
    costNanos: billed,
  });
  expect(completed).toBeGreaterThan(280);
  expect(results.reduce((sum, result) => sum + (result?.cost_nanos ?? 0), 0)).toBe(billed);
  await expectBooksToAgree(harness);
}
