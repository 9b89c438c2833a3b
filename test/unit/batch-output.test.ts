import { expect, test } from 'vitest';
import { failureOf } from '../../src/gateway/batches/output.ts';
import { batchObject } from '../../src/gateway/batches/batch-object.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import type { FailedResult } from '../../src/domain/result.ts';
import type { BatchOrder, OrderProgress } from '../../src/store/batch-orders.ts';

const ORDER: BatchOrder = {
  id: 'batch_1',
  account: 'ann',
  lane: 'batch',
  defaults: {},
  endpoint: '/v1/chat/completions',
  inputFileId: 'file-1',
  completionWindow: '24h',
  createdAt: 1_000_500,
  expiresAt: 2_000_000,
  isInline: false,
};

function failed(code: ErrorCode, finishedAt = ORDER.expiresAt): FailedResult {
  const base = {
    v: 1 as const,
    job_id: 'batch-1-0',
    task: null,
    attempts: [],
    cost_nanos: 0,
    total_ms: 1,
    finished_at: finishedAt,
  };
  return { ...base, status: 'failed', error: { code, message: 'why' } };
}

test.each([
  ['CANCELLED', false, 'batch_cancelled'],
  ['CANCELLED', true, 'batch_expired'],
  ['DEADLINE_EXCEEDED', false, 'batch_expired'],
] as const)('a row that ended as %s, out of time: %s, has no response but %s', (code, hasRunOut, told) => {
  expect(failureOf(failed(code), ORDER, hasRunOut)).toMatchObject({ response: null, error: { code: told } });
});

test('a row that was asked in vain has the answer that a request would have had', () => {
  expect(failureOf(failed('BUDGET_EXCEEDED'), ORDER, false)).toMatchObject({
    response: { status_code: 402, body: { error: { message: 'why', code: 'budget_exceeded' } } },
    error: null,
  });
  // By a deadline of its own.
  const early = failed('DEADLINE_EXCEEDED', ORDER.expiresAt - 60_000);
  expect(failureOf(early, ORDER, false)).toMatchObject({ response: { status_code: 504 } });
});

test('a row whose result is gone says so', () => {
  expect(failureOf(undefined, ORDER, false)).toMatchObject({ response: null, error: { code: 'result_expired' } });
});

test.each<[OrderProgress, number | undefined, string, string | undefined]>([
  [{ stage: 'validating' }, undefined, 'validating', undefined],
  [{ stage: 'enqueueing' }, undefined, 'in_progress', undefined],
  [{ stage: 'running' }, 5_000, 'cancelling', 'cancelling_at'],
  [{ stage: 'finalizing', finalizingAt: 5_000 }, undefined, 'finalizing', 'finalizing_at'],
  [{ stage: 'completed', endedAt: 5_000 }, undefined, 'completed', 'completed_at'],
  [{ stage: 'expired', endedAt: 5_000 }, undefined, 'expired', 'expired_at'],
  [{ stage: 'cancelled', endedAt: 5_000 }, 4_000, 'cancelled', 'cancelled_at'],
  [{ stage: 'failed', endedAt: 5_000 }, undefined, 'failed', 'failed_at'],
])('%j is told as OpenAI tells it', (progress, cancellingAt, status, at) => {
  const object = batchObject({ order: ORDER, progress, ...(cancellingAt ? { cancellingAt } : {}) }, undefined);
  expect(object).toMatchObject({
    id: 'batch_1',
    status,
    created_at: 1_000,
    expires_at: 2_000,
    ...(at ? { [at]: 5 } : {}),
  });
  const others = ['completed_at', 'expired_at', 'cancelled_at', 'failed_at'].filter((name) => name !== at);
  for (const name of others) expect(object[name]).toBeNull();
});
