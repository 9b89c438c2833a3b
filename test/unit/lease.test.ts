import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Lease, takeLease } from '../../src/workers/lease.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LOST = new Error('lost');

function take(askedAtMs = performance.now()): Lease {
  return takeLease({ durationMs: 1_000, askedAtMs, lost: () => LOST });
}

describe('a lease', () => {
  test('is over when its time has passed without a confirmed renewal, and not before', () => {
    const { signal } = take();
    vi.advanceTimersByTime(999);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.reason).toBe(LOST);
  });

  test('begins when the lock was asked for, not when the answer came', () => {
    const askedAtMs = performance.now();
    vi.advanceTimersByTime(400);
    const { signal } = take(askedAtMs);
    vi.advanceTimersByTime(599);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.aborted).toBe(true);
  });

  test('that was asked for too long ago is over at once', () => {
    expect(take(performance.now() - 1_000).signal.aborted).toBe(true);
  });

  test('goes on for as long as renewals are confirmed, each from when it was asked for', () => {
    const lease = take();
    for (let round = 0; round < 10; round += 1) {
      vi.advanceTimersByTime(600);
      lease.confirm(performance.now() - 300);
    }
    expect(lease.signal.aborted).toBe(false);
    vi.advanceTimersByTime(699);
    expect(lease.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(lease.signal.aborted).toBe(true);
  });

  test('is not made shorter by a confirmation that comes late', () => {
    const lease = take();
    const early = performance.now();
    vi.advanceTimersByTime(500);
    lease.confirm(performance.now());
    lease.confirm(early);
    vi.advanceTimersByTime(999);
    expect(lease.signal.aborted).toBe(false);
  });

  test('that was broken keeps its first reason', () => {
    const lease = take();
    const reason = new Error('cancelled');
    lease.break(reason);
    lease.break(new Error('stopping'));
    vi.advanceTimersByTime(5_000);
    expect(lease.signal.reason).toBe(reason);
  });

  test('that has ended is never aborted and keeps no timer', () => {
    const lease = take();
    lease.end();
    vi.advanceTimersByTime(5_000);
    expect(lease.signal.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('sees after a time without any event, as in a stopped process, that it is over', () => {
    let now = 0;
    const { signal } = takeLease({ durationMs: 1_000, askedAtMs: 0, lost: () => LOST, clock: () => now });
    now = 60_000;
    vi.advanceTimersByTime(1_000);
    expect(signal.aborted).toBe(true);
  });
});
