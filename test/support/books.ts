import { expect } from 'vitest';
import type { Harness, Stores } from './harness.ts';

/** What must hold when nothing runs: nothing reserved or open, and the stream and the budgets agree. Returns the sum. */
export async function expectBalanced({ usage, money, ledger }: Stores): Promise<number> {
  const records = await usage();
  const billed = records.reduce((sum, record) => sum + record.cost_nanos, 0);
  expect(await money()).toEqual({ spentNanos: billed, heldNanos: 0 });
  expect(await ledger.openAttempts()).toBe(0);
  return billed;
}

/** Besides: every call has one record and every record one call, at the price that the provider says, or flagged. */
export async function expectBooksToAgree(harness: Harness): Promise<void> {
  const records = (await harness.usage()).filter((record) => record.outcome !== 'cached');
  const called = harness.calls();
  expect(records.map((record) => record.attempt_id).toSorted()).toEqual(
    called.map((call) => call.request_id ?? '').toSorted(),
  );
  const recordOf = new Map(records.map((record) => [record.attempt_id, record]));
  for (const call of called) {
    const record = recordOf.get(call.request_id ?? '');
    if (record?.outcome !== 'unconfirmed') expect(record?.cost_nanos).toBe(call.cost_nanos);
  }
  await expectBalanced(harness);
}
