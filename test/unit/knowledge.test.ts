import { describe, expect, test } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import { seededRandom } from '../../src/domain/seeded-random.ts';
import type { AttemptSummary } from '../../src/domain/result.ts';
import { createCallsUnderWay } from '../../src/workers/calls-under-way.ts';
import { createTurns, mayExplore } from '../../src/workers/knowledge.ts';
import type { Start } from '../../src/workers/services.ts';
import { NOW } from './router-fixture.ts';

function startOf(job: Partial<QueuedJob> = {}, changes: Partial<Start> = {}): Start {
  return {
    jobId: 'j',
    job: { v: 1, task: null, lane: 'batch', account: 'a', enqueued_at: NOW, prompt: 'x', ...job },
    attemptsStarted: 1,
    attemptsMade: 0,
    stalls: 0,
    maxAttempts: 4,
    deferrals: 0,
    ...changes,
  };
}

describe('a job may go elsewhere for the sake of what is learned', () => {
  const attempt: AttemptSummary = {
    model: 'mid',
    provider: 'east',
    outcome: 'failed',
    cost_nanos: 0,
    latency_ms: 1,
  };
  test('the first time that it is tried', () => {
    expect(mayExplore(startOf(), [])).toBe(true);
    expect(mayExplore(startOf({ models: ['mid', 'big'] }), [])).toBe(true);
    expect(mayExplore(startOf({ expect: { equals: 'x' } }), [])).toBe(true);
  });
  test('not on another try, nor when it has only one', () => {
    expect(mayExplore(startOf({}, { attemptsMade: 1 }), [])).toBe(false);
    expect(mayExplore(startOf(), [attempt])).toBe(false);
    expect(mayExplore(startOf({}, { maxAttempts: 1 }), [])).toBe(false);
  });
  test('not when it compares the models that it names', () => {
    expect(mayExplore(startOf({ model: 'mid' }), [])).toBe(false);
    expect(mayExplore(startOf({ models: ['mid', 'big'], expect: { equals: 'x' } }), [])).toBe(false);
  });
});

describe('the chance of an attempt', () => {
  test('is the same whenever it is played', () => {
    const [one, again, other] = ['j:1', 'j:1', 'j:2'].map((seed) => {
      const random = seededRandom(seed);
      return [random(), random(), random()];
    });
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });
  test('is even over attempts that are numbered one after the other', () => {
    const draws = Array.from({ length: 20_000 }, (_, row) => seededRandom(`batch-1:row-${row}:1`)());
    for (const draw of draws) expect(draw >= 0 && draw < 1).toBe(true);
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const count = draws.filter((draw) => Math.floor(draw * 10) === tenth).length;
      // Five standard deviations of a fair share.
      expect(Math.abs(count - 2_000)).toBeLessThan(5 * Math.sqrt(2_000 * 0.9));
    }
  });
});

test('a start has one turn, however often it chooses', () => {
  const turnOf = createTurns();
  const [first, second] = [startOf(), startOf()];
  expect([turnOf(first), turnOf(second), turnOf(first), turnOf(startOf())]).toEqual([0, 1, 0, 2]);
});

describe('calls under way', () => {
  test('are counted once for each start, on the model that it asks now', () => {
    const calls = createCallsUnderWay();
    const [first, second] = [startOf(), startOf()];
    calls.begin(first, 'small');
    calls.begin(second, 'small');
    calls.begin(first, 'large');
    expect(Object.fromEntries(calls.current())).toEqual({ small: 1, large: 1 });
    calls.end(first);
    calls.end(first);
    calls.end(second);
    expect(calls.current().size).toBe(0);
  });

  test('are those of all workers, as they last told, and one’s own', () => {
    const calls = createCallsUnderWay();
    const start = startOf();
    calls.begin(start, 'small');
    calls.setOthers(
      new Map([
        ['small', 2],
        ['large', 1],
      ]),
    );
    expect(Object.fromEntries(calls.current())).toEqual({ small: 3, large: 1 });
    calls.end(start);
    expect(Object.fromEntries(calls.current())).toEqual({ small: 2, large: 1 });
    expect(calls.own().size).toBe(0);
    calls.setOthers(new Map());
    expect(calls.current().size).toBe(0);
  });
});
