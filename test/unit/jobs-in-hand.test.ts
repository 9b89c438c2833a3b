import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createJobsInHand } from '../../src/workers/jobs-in-hand.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LOCK_MS = 1_000;

function takeJob(hands = createJobsInHand(LOCK_MS), token = 't', batchId?: string) {
  return { hands, lease: hands.take(token, { jobId: token, batchId, lockedAt: Date.now() }) };
}

const kindOf = (signal: AbortSignal): unknown => signal.aborted && (signal.reason as { kind?: unknown }).kind;

describe('a job in hand', () => {
  test('is lost when no renewal is confirmed in time, counted from when its lock was asked for', () => {
    const hands = createJobsInHand(LOCK_MS);
    const { signal } = hands.take('t', { jobId: 't', batchId: undefined, lockedAt: Date.now() - 400 });
    vi.advanceTimersByTime(599);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(kindOf(signal)).toBe('lease-lost');
  });

  test('is kept by confirmed renewals, and lost at once by a refused one', () => {
    const { hands, lease } = takeJob();
    vi.advanceTimersByTime(900);
    hands.noteRenewal(['t'], [], performance.now());
    vi.advanceTimersByTime(900);
    expect(lease.signal.aborted).toBe(false);
    hands.noteRenewal([], ['t'], performance.now());
    expect(kindOf(lease.signal)).toBe('lease-lost');
  });

  test('whose lock was asked for in the future, by a clock that was set back, has no more than the whole time', () => {
    const hands = createJobsInHand(LOCK_MS);
    const { signal } = hands.take('t', { jobId: 't', batchId: undefined, lockedAt: Date.now() + 3_600_000 });
    vi.advanceTimersByTime(LOCK_MS);
    expect(signal.aborted).toBe(true);
  });

  test('of a cancelled batch is broken off, and no other', () => {
    const { hands, lease: first } = takeJob(undefined, 't1', 'a');
    const { lease: second } = takeJob(hands, 't2', 'b');
    const { lease: third } = takeJob(hands, 't3');
    expect(hands.batchIds()).toEqual(['a', 'b']);
    hands.breakOff('cancelled', { batchId: 'a' });
    expect([first, second, third].map(({ signal }) => kindOf(signal))).toEqual(['cancelled', false, false]);
    hands.breakOff('stopping');
    expect([first, second, third].map(({ signal }) => kindOf(signal))).toEqual(['cancelled', 'stopping', 'stopping']);
  });

  test('that has ended is nobody’s to break off, and leaves no timer', () => {
    const { hands, lease } = takeJob(undefined, 't', 'a');
    lease.end();
    hands.breakOff('cancelled', { batchId: 'a' });
    hands.noteRenewal([], ['t'], performance.now());
    expect(lease.signal.aborted).toBe(false);
    expect(hands.batchIds()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
