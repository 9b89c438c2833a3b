import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type WriteGuard, createWriteGuard, refusalIn } from '../../src/workers/write-guard.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const REFUSAL = new Error('MISCONF Errors writing to the AOF file: No space left on device');

type Stage = {
  guard: WriteGuard;
  events: string[];
  probes: number[];
  lines: string[];
  setRefusing: (value: boolean) => void;
};

function openStage(): Stage {
  const events: string[] = [];
  const probes: number[] = [];
  const lines: string[] = [];
  let isRefusing = true;
  const startedAtMs = performance.now();
  const guard = createWriteGuard({
    probe: async () => {
      probes.push(performance.now() - startedAtMs);
      if (isRefusing) throw REFUSAL;
    },
    pause: () => void events.push('pause'),
    resume: () => void events.push('resume'),
    logger: pino({}, { write: (line) => void lines.push(line) }),
    random: () => 1,
  });
  return { guard, events, probes, lines, setRefusing: (value) => (isRefusing = value) };
}

test.each([
  [REFUSAL.message, 'MISCONF'],
  ["OOM command not allowed when used memory > 'maxmemory'. script: ab, on @user_script:1.", 'OOM'],
  ["READONLY You can't write against a read only replica.", 'READONLY'],
  ['NOREPLICAS Not enough good replicas to write.', 'NOREPLICAS'],
  ['CLUSTERDOWN The cluster is down', 'CLUSTERDOWN'],
  ['LOADING Redis is loading the dataset in memory', 'LOADING'],
  ['ERR unknown command', undefined],
  ['Connection is closed.', undefined],
  ['Missing lock for job OOM. moveToFinished', undefined],
])('%s is read as %s', (message, word) => {
  expect(refusalIn(new Error(message))).toBe(word);
});

describe('a guard', () => {
  test('pauses once, however many errors come, and resumes with the first write that is taken', async () => {
    const { guard, events, lines, setRefusing } = openStage();
    for (let count = 0; count < 1_000; count += 1) expect(guard.notice(REFUSAL)).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual(['pause']);
    expect(lines).toHaveLength(1);
    setRefusing(false);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(events).toEqual(['pause', 'resume']);
    expect(lines).toHaveLength(2);
    guard.notice(REFUSAL);
    expect(events).toEqual(['pause', 'resume', 'pause']);
    guard.stop();
  });

  test('tries twice as long after each try, five seconds at the most', async () => {
    const { guard, probes } = openStage();
    guard.notice(REFUSAL);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(probes).toEqual([250, 750, 1_750, 3_750, 7_750, 12_750, 17_750]);
    guard.stop();
  });

  test('does not care for errors that are no refusals', () => {
    const { guard, events } = openStage();
    expect(guard.notice(new Error('Connection is closed.'))).toBe(false);
    expect(guard.notice('MISCONF')).toBe(false);
    expect(events).toEqual([]);
  });
});

describe('a write that is insisted on', () => {
  test('is done again when Redis takes writes, and only then', async () => {
    const { guard, setRefusing } = openStage();
    const write = vi.fn(async () => 'written').mockRejectedValueOnce(REFUSAL);
    const written = guard.insist(write);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(write).toHaveBeenCalledTimes(1);
    setRefusing(false);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await written).toBe('written');
    expect(write).toHaveBeenCalledTimes(2);
  });

  test('fails at once with another failure', async () => {
    const { guard } = openStage();
    const failure = new Error('a bug');
    await expect(guard.insist(() => Promise.reject(failure))).rejects.toBe(failure);
  });

  test('fails with the refusal when the guard is stopped, also one that comes later', async () => {
    const { guard } = openStage();
    const refused = (): Promise<never> => Promise.reject(REFUSAL);
    const waiting = expect(guard.insist(refused)).rejects.toBe(REFUSAL);
    await vi.advanceTimersByTimeAsync(1_000);
    guard.stop();
    await waiting;
    await expect(guard.insist(refused)).rejects.toBe(REFUSAL);
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
