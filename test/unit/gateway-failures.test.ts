import { describe, expect, test } from 'vitest';
import type { AttemptSummary, FailedResult } from '../../src/domain/result.ts';
import { errorOfResult } from '../../src/gateway/failures.ts';

const ATTEMPT: AttemptSummary = { model: 'm', provider: 'p', outcome: 'failed', cost_nanos: 0, latency_ms: 1 };

function failed(code: FailedResult['error']['code'], attempts: AttemptSummary[] = []): FailedResult {
  const ended = { job_id: 'j', task: null, cost_nanos: 0, total_ms: 1, finished_at: 1 };
  return { v: 1, status: 'failed', ...ended, attempts, error: { code, message: 'it failed' } };
}

describe('a failed job', () => {
  test.each(['PROVIDER_UNREACHABLE', 'PROVIDER_OVERLOADED', 'PROVIDER_FAILED', 'PROVIDER_TIMEOUT'] as const)(
    'for which nobody was asked, since all fail, may come again: %s',
    (code) => {
      expect(errorOfResult(failed(code))).toMatchObject({ status: 503, retry: { afterMs: 10_000 } });
      expect(errorOfResult(failed(code, [ATTEMPT])).retry).toBe('never');
      expect(errorOfResult(failed(code), { isKept: true })).toMatchObject({ status: 503, retry: 'never' });
    },
  );

  test('that was refused as it is does not come again, asked or not', () => {
    expect(errorOfResult(failed('PROVIDER_AUTH'))).toMatchObject({ status: 502, retry: 'never' });
    expect(errorOfResult(failed('NO_ELIGIBLE_MODEL'))).toMatchObject({ status: 400, retry: 'never' });
  });
});
