import { expect, test } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import type { Candidate } from '../../src/router/index.ts';
import { cacheKeyOf } from '../../src/workers/cache-key.ts';

const job: QueuedJob = { v: 1, task: null, lane: 'batch', account: 'acme', enqueued_at: 1, prompt: 'Where is it?' };
const candidate = { model: { provider: 'alpha', id: 'sim/small' }, maxTokens: 100 } as Candidate;
type Parameters = NonNullable<QueuedJob['tools']>[number]['function']['parameters'];
const withTool = (parameters: Parameters): QueuedJob => ({
  ...job,
  tools: [{ type: 'function', function: { name: 'look', parameters } }],
});
const keyOf = (other: Partial<QueuedJob> = {}): string => cacheKeyOf({ ...job, ...other }, candidate);

test('a request is known again whatever the order of its fields, and however its prompt was given', () => {
  const one = withTool({ type: 'object', properties: { a: { type: 'string' }, b: {} } });
  const other = withTool({ properties: { b: {}, a: { type: 'string' } }, type: 'object' });
  expect(cacheKeyOf(one, candidate)).toBe(cacheKeyOf(other, candidate));
  const { prompt = '', ...rest } = job;
  expect(cacheKeyOf({ ...rest, messages: [{ content: prompt, role: 'user' }] }, candidate)).toBe(keyOf());
});

test('the order of a list is a part of the request', () => {
  const turns = [
    { role: 'user' as const, content: 'one' },
    { role: 'user' as const, content: 'two' },
  ];
  const { prompt: _prompt, ...rest } = job;
  const keys = [turns, turns.toReversed()].map((messages) => cacheKeyOf({ ...rest, messages }, candidate));
  expect(keys[0]).not.toBe(keys[1]);
});

test('who asks, whom, for how much and with what settings makes it another one; who the user is does not', () => {
  const others = [
    keyOf({ account: 'other' }),
    keyOf({ temperature: 0 }),
    keyOf({ seed: 1 }),
    cacheKeyOf(job, { ...candidate, maxTokens: 99 }),
    cacheKeyOf(job, { ...candidate, model: { ...candidate.model, provider: 'beta' } }),
    cacheKeyOf(job, { ...candidate, model: { ...candidate.model, id: 'sim/large' } }),
  ];
  expect(new Set([...others, keyOf()]).size).toBe(others.length + 1);
  expect(keyOf({ user: 'ada', enqueued_at: 2, metadata: { a: 'b' }, id: 'row' })).toBe(keyOf());
});
