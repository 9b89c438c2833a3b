import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import type { QueuedJob } from '../../src/domain/job.ts';
import type { Completion } from '../../src/domain/result.ts';
import { createSteps } from '../../src/domain/steps.ts';
import { ANSWER_CHECKS, type AnswerCheck } from '../../src/domain/validation.ts';
import type { Start } from '../../src/workers/services.ts';
import { checksOf, failedCheck } from '../../src/workers/validate.ts';
import { configOf, NOW } from './router-fixture.ts';

const said = (content: string | null, more: Partial<Completion> = {}): Completion => ({
  content,
  finish_reason: 'stop',
  usage: { input_tokens: 1, output_tokens: 1 },
  ...more,
});

const called = (name: string, args: string, times = 1): Completion =>
  said(null, {
    finish_reason: 'tool_calls',
    tool_calls: Array.from({ length: times }, () => ({
      id: 'c',
      type: 'function',
      function: { name, arguments: args },
    })),
  });

const FORMAT = {
  type: 'json_schema' as const,
  json_schema: {
    name: 'city',
    schema: { type: 'object', properties: { name: { type: 'string', pattern: '^[A-Z]' } }, required: ['name'] },
  },
};
const WEATHER = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { type: 'object', required: ['city'] } },
};

type Asked = Pick<QueuedJob, 'response_format' | 'tools' | 'tool_choice'>;
const check = (name: AnswerCheck, completion: Completion, job: Asked = {}): boolean =>
  failedCheck(completion, job, [name]) === undefined;

describe('json', () => {
  test.each(['{"a": 1}', ' [1, 2]\n', '```json\n{"a": 1}\n```', '"text"'])('%j passes', (content) => {
    expect(check('json', said(content))).toBe(true);
  });
  test.each(['Sure: {"a": 1}', '{"a": 1', '', '{a: 1}'])('%j does not', (content) => {
    expect(check('json', said(content))).toBe(false);
  });
  test('the arguments of a tool call are what was asked for', () => {
    expect(check('json', called('weather', '{"city": "Rome"}'))).toBe(true);
    expect(check('json', called('weather', '{"city": '))).toBe(false);
  });
});

describe('schema', () => {
  test('an answer is held against the schema that was asked for', () => {
    expect(check('schema', said('{"name": "Rome"}'), { response_format: FORMAT })).toBe(true);
    expect(check('schema', said('{"nom": "Rome"}'), { response_format: FORMAT })).toBe(false);
    expect(check('schema', said('Rome'), { response_format: FORMAT })).toBe(false);
  });
  test('where an object was asked for, a list is none', () => {
    expect(check('schema', said('{}'), { response_format: { type: 'json_object' } })).toBe(true);
    expect(check('schema', said('[]'), { response_format: { type: 'json_object' } })).toBe(false);
  });
  test('a job that asked for no form takes any', () => {
    expect(check('schema', said('Rome'))).toBe(true);
    expect(check('schema', said('Rome'), { response_format: { type: 'text' } })).toBe(true);
  });
  test('a tool call names a tool of the job, with arguments that satisfy its schema', () => {
    const job = { tools: [WEATHER] };
    expect(check('schema', called('weather', '{"city": "Rome"}'), job)).toBe(true);
    expect(check('schema', called('weather', '{}'), job)).toBe(false);
    expect(check('schema', called('wether', '{"city": "Rome"}'), job)).toBe(false);
  });
  test.each(['', ' \n', '{}'])('a tool without parameters may be called with %j, whatever is checked', (nothing) => {
    const job = { tools: [{ type: 'function' as const, function: { name: 'now' } }] };
    expect(failedCheck(called('now', nothing), job, ['json', 'schema'])).toBeUndefined();
  });
  test('words are no call where one was insisted on', () => {
    expect(check('schema', said('It rains.'), { tools: [WEATHER], tool_choice: 'required' })).toBe(false);
    expect(check('schema', said('It rains.'), { tools: [WEATHER], tool_choice: 'auto' })).toBe(true);
  });
  test('an answer that cannot be checked in bounded time is not refused', () => {
    const schema = { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }] } } };
    const format = { type: 'json_schema' as const, json_schema: { name: 'endless', schema } };
    expect(check('schema', said('1'), { response_format: format })).toBe(true);
  });
});

/** How many steps it takes, and what is found. */
const costOf = (completion: Completion, job: Asked): { spent: number; failed: AnswerCheck | undefined } => {
  const steps = createSteps();
  const { left } = steps;
  const failed = failedCheck(completion, job, ['schema'], steps);
  return { spent: left - steps.left, failed };
};
const toolsWith = (parameters: Record<string, z.core.util.JSONType>): Asked => ({
  tools: [{ type: 'function', function: { name: 'tool', parameters } }],
});

describe('what a check of the schema may cost', () => {
  test('a schema is looked through once, however often its tool is called', () => {
    const names = Array.from({ length: 100 }, (_, index) => `field${index}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'string', description: 'what it is' }]));
    const job = toolsWith({ type: 'object', properties });
    const [once, often] = [1, 64].map((times) => costOf(called('tool', '{"field1": "x"}', times), job));
    expect(once).toMatchObject({ failed: undefined });
    expect(once?.spent).toBeGreaterThan(100);
    expect((often?.spent ?? Infinity) - (once?.spent ?? 0)).toBeLessThan(64 * 5);
    expect(costOf(called('tool', '{"field1": 1}', 64), job).failed).toBe('schema');
  });

  test('all calls of an answer share the steps, and those for which none are left are not refused', () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, level) => [
        `d${level}`,
        level === 39 ? { type: 'string' } : { anyOf: [1, 2].map(() => ({ $ref: `#/$defs/d${level + 1}` })) },
      ]),
    );
    const endless = toolsWith({ $ref: '#/$defs/d0', $defs });
    expect(costOf(called('tool', '1'), endless)).toMatchObject({ failed: undefined });
    const { spent, failed } = costOf(called('tool', '1', 64), endless);
    expect(failed).toBeUndefined();
    expect(spent).toBeLessThan(costOf(called('tool', '1'), endless).spent + 64 * 10);
    // What is no JSON is seen without any.
    expect(costOf(called('tool', '1', 64), endless).failed).toBeUndefined();
    expect(costOf(called('tool', '{', 64), endless).failed).toBe('schema');
  });

  test.each([
    ['of many parts', { allOf: Array.from({ length: 100_000 }, () => ({})) }],
    ['of many mistakes', { allOf: Array.from({ length: 50_000 }, () => ({ type: 'x', pattern: 'y' })) }],
    [
      'of long lists',
      { allOf: Array.from({ length: 500 }, () => ({ required: Array.from({ length: 900 }, () => 1) })) },
    ],
  ])('a schema %s is not looked through to its end', (_, schema) => {
    const { spent, failed } = costOf(called('tool', '{}'), toolsWith(schema));
    expect(failed).toBeUndefined();
    expect(spent).toBeGreaterThan(createSteps().left);
    expect(spent).toBeLessThan(1.01 * createSteps().left);
  });
});

describe('refusal', () => {
  test.each([
    "I'm sorry, but I can't help with that.",
    'I’m sorry, but I can’t assist with that request.',
    'Sorry, I cannot provide instructions for this.',
    'I apologize, but I am unable to assist with this.',
    "As an AI language model, I can't create such content.",
    'Unfortunately, I am not able to discuss this.',
    "I won't help with that.",
    "I'm not comfortable writing that.",
    'I must decline.',
  ])('%j is one', (content) => {
    expect(check('refusal', said(content))).toBe(false);
  });
  test.each([
    'I cannot find a mistake in this proof.',
    "I can't help but agree with the author.",
    "I'm sorry for your loss. Here is a draft of the letter.",
    'Rome',
    'The model said: I cannot help with that.',
    '',
  ])('%j is an answer', (content) => {
    expect(check('refusal', said(content))).toBe(true);
  });
  test('what the provider calls one is one', () => {
    expect(check('refusal', said(null, { refusal: 'No.' }))).toBe(false);
    expect(check('refusal', said('Half of', { finish_reason: 'content_filter' }))).toBe(false);
  });
});

test('an answer that was cut off at its limit is truncated', () => {
  expect(check('truncated', said('Once upon', { finish_reason: 'length' }))).toBe(false);
  expect(check('truncated', said('The end.'))).toBe(true);
});

test('of several checks the most telling one is named, whatever their order', () => {
  const cut = said('{"name": "Ro', { finish_reason: 'length' });
  for (const checks of [ANSWER_CHECKS, ANSWER_CHECKS.toReversed()]) {
    expect(failedCheck(cut, { response_format: FORMAT }, checks)).toBe('truncated');
  }
});

describe('which checks count', () => {
  const config = configOf({ tasks: { extraction: { validate: ['json'] }, coding: {} } });
  const checksFor = (job: Partial<QueuedJob>, maxAttempts = 4): readonly AnswerCheck[] => {
    const queued: QueuedJob = { v: 1, task: 'extraction', lane: 'batch', account: 'a', enqueued_at: NOW, ...job };
    const start: Start = {
      jobId: 'j',
      job: queued,
      attemptsStarted: 1,
      attemptsMade: 0,
      stalls: 0,
      maxAttempts,
      deferrals: 0,
    };
    return checksOf(start, config);
  };

  test("the job's own stand above its task's, also when they are none", () => {
    expect(checksFor({})).toEqual(['json']);
    expect(checksFor({ validate: ['refusal'] })).toEqual(['refusal']);
    expect(checksFor({ validate: [] })).toEqual([]);
    expect(checksFor({ task: 'coding' })).toEqual([]);
    expect(checksFor({ task: null })).toEqual([]);
  });
  test('a job that compares models keeps its answer, unless it asks for the check itself', () => {
    expect(checksFor({ model: 'mid' })).toEqual([]);
    expect(checksFor({ models: ['mid'] })).toEqual([]);
    expect(checksFor({}, 1)).toEqual([]);
    expect(checksFor({ models: ['mid', 'big'] })).toEqual(['json']);
    expect(checksFor({ model: 'mid', validate: ['json'] }, 1)).toEqual(['json']);
  });
});
