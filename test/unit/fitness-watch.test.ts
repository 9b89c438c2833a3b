import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ServerProblem } from '../../src/store/fitness.ts';
import { watchFitness } from '../../src/workers/fitness-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CLOCK: ServerProblem = { fatal: true, message: 'its clock is off' };
const WARNING: ServerProblem = { fatal: false, message: 'appendonly is off' };

test('a Redis that becomes unfit pauses the workers until it is fit again, with one line each', async () => {
  let problems: ServerProblem[] | Error = [WARNING];
  const events: string[] = [];
  const lines: string[] = [];
  const watch = watchFitness({
    inspect: async () => {
      if (problems instanceof Error) throw problems;
      return problems;
    },
    pause: () => void events.push('pause'),
    resume: () => void events.push('resume'),
    logger: pino({}, { write: (line) => void lines.push(line) }),
  });
  await vi.advanceTimersByTimeAsync(90_000);
  expect(events).toEqual([]);
  problems = [WARNING, CLOCK];
  await vi.advanceTimersByTimeAsync(90_000);
  problems = new Error('no answer');
  await vi.advanceTimersByTimeAsync(90_000);
  expect(events).toEqual(['pause']);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ reason: 'its clock is off' }]);
  problems = [];
  await vi.advanceTimersByTimeAsync(2_000);
  expect(events).toEqual(['pause', 'resume']);
  expect(lines).toHaveLength(2);
  problems = [CLOCK];
  watch.stop();
  await vi.advanceTimersByTimeAsync(90_000);
  expect(events).toEqual(['pause', 'resume']);
  expect(vi.getTimerCount()).toBe(0);
});
