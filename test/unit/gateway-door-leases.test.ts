import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDoorLeases, LEASE_MS } from '../../src/gateway/door-leases.ts';
import type { DoorEntry } from '../../src/store/door.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const entry = (requestId: string, limits: DoorEntry['subjects'][number]['limits'] = { concurrency: 1 }): DoorEntry => ({
  requestId,
  subjects: [{ name: 'key:k', limits }],
  estimatedTokens: 1,
  leaseMs: LEASE_MS,
});

test('leases are renewed together, until they end or have lasted as long as any may, and then nothing ticks', async () => {
  const renewed: string[][] = [];
  const renew = async (entries: Iterable<DoorEntry>): Promise<void> => {
    renewed.push(Array.from(entries, ({ requestId }) => requestId));
    throw new Error('Redis is away');
  };
  const leases = createDoorLeases({ renew }, { logger: pino({ level: 'silent' }), now: Date.now });
  const [first, second] = [entry('first'), entry('second')];
  leases.hold(entry('without', { requests_per_minute: 1 }), 100_000);
  expect(vi.getTimerCount()).toBe(0);
  leases.hold(first, 100_000);
  leases.hold(second, 25_000);
  await vi.advanceTimersByTimeAsync(LEASE_MS - 1);
  expect(renewed).toEqual([
    ['first', 'second'],
    ['first', 'second'],
  ]);
  await vi.advanceTimersByTimeAsync(1);
  expect(renewed.at(-1)).toEqual(['first']);
  leases.end(first);
  leases.end(first);
  expect(vi.getTimerCount()).toBe(0);
});
