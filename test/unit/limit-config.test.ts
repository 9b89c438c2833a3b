import { describe, expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { check, formatProblem } from '../../src/domain/issues.ts';
import type { QueuedJob } from '../../src/domain/job.ts';
import { callersOf } from '../../src/domain/limit-config.ts';

const JOB: QueuedJob = { v: 1, prompt: 'hello', task: null, lane: 'batch', account: 'research', enqueued_at: 0 };

function linesOf(limits: object): string[] {
  const checked = check(Config, {
    providers: { main: { base_url: 'https://api.example.com/v1' } },
    models: { small: { provider: 'main', id: 'm-1', price: { input: 1, output: 2 } } },
    tasks: { coding: {} },
    limits,
  });
  return checked.ok ? [] : checked.problems.map(formatProblem);
}

describe('limits', () => {
  test('are taken with any of their three figures', () => {
    const ofUsers = { per: 'user', requests_per_minute: 60, tokens_per_minute: 100_000, concurrency: 5 };
    expect(linesOf({ each: ofUsers, all: { concurrency: 9, task: 'coding', lane: 'batch' } })).toEqual([]);
  });

  test.each([
    {
      limit: { per: 'user' },
      line: 'limits.each: limits nothing; give requests_per_minute, tokens_per_minute or concurrency',
    },
    {
      limit: { task: 'codign', concurrency: 1 },
      line: 'limits.each.task: unknown task "codign"; known: coding',
    },
    {
      limit: { lane: 'fast', concurrency: 1 },
      line: 'limits.each.lane: unknown lane "fast"; known: batch, interactive',
    },
  ])('with $limit are refused with a line that says why', ({ limit, line }) => {
    expect(linesOf({ each: limit })).toEqual([line]);
  });

  test.each([{ per: 'model', concurrency: 1 }, { concurrency: 0 }, { requests_per_minute: -1 }, { rpm: 5 }])(
    'like %j are refused',
    (limit) => {
      expect(linesOf({ each: limit }).length).toBeGreaterThan(0);
    },
  );
});

describe('the limits of a job', () => {
  const limits = { concurrency: 1 };

  test.each([
    { more: {}, covering: ['every', 'research', 'research in batches'] },
    {
      more: { task: 'coding', user: 'ana', lane: 'interactive' },
      covering: ['every', 'research', 'of a task', 'of a user'],
    },
    { more: { account: 'other', user: 'ben' }, covering: ['every'] },
  ])('with $more are those that match it in all that they say', ({ more, covering }) => {
    const callers = callersOf(
      { ...JOB, ...more },
      {
        every: limits,
        research: { ...limits, account: 'research' },
        'research in batches': { ...limits, account: 'research', lane: 'batch' },
        'of a task': { ...limits, task: 'coding' },
        'of a user': { ...limits, user: 'ana' },
      },
    );
    expect(callers.map(({ limit }) => limit)).toEqual(covering);
  });

  test.each([
    { per: 'user', caller: 'ana' },
    { per: 'account', caller: 'research' },
    { per: 'lane', caller: 'batch' },
    { per: 'task', caller: '' },
  ] as const)('per $per have a share for each', ({ per, caller }) => {
    expect(callersOf({ ...JOB, user: 'ana' }, { each: { ...limits, per } })).toMatchObject([{ limit: 'each', caller }]);
  });

  test('are shared by jobs that name no user, and by all without per', () => {
    expect(callersOf(JOB, { each: { ...limits, per: 'user' } })).toMatchObject([{ limit: 'each', caller: '' }]);
    expect(callersOf(JOB, { each: limits })).toEqual([{ limit: 'each', limits }]);
  });
});
