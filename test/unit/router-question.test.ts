import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/domain/request.ts';
import { createRouter, estimateTokens, guessComplexity } from '../../src/router/index.ts';
import { configOf } from './router-fixture.ts';

const user = (content: string): Message => ({ role: 'user', content });
const tool = { type: 'function' as const, function: { name: 'look_up' } };

describe('tokens', () => {
  it.each<[string, Message[], { expected: number; bound: number }]>([
    ['a text', [user('a'.repeat(101))], { expected: 24 + 4, bound: 51 + 8 + 16 }],
    ['two messages', [user('abcd'), user('abcd')], { expected: 2 + 8, bound: 4 + 16 + 16 }],
    ['words, their spaces included', [user('The quick brown fox')], { expected: 5 + 4, bound: 10 + 8 + 16 }],
    ['digits, each by itself', [user('1 23 4')], { expected: 3 + 4, bound: 6 + 8 + 16 }],
    ['capitals and marks, each by itself', [user('AB-cd:')], { expected: 3 + 4, bound: 5 + 8 + 16 }],
    ['a run of blanks as one, and a new kind as another', [user('a\n\n    b')], { expected: 2 + 4, bound: 4 + 8 + 16 }],
    ['characters of three bytes', [user('人'.repeat(100))], { expected: 75 + 4, bound: 200 + 8 + 16 }],
    ['letters with accents, Cyrillic', [user('éж'.repeat(50))], { expected: 50 + 4, bound: 100 + 8 + 16 }],
    ['a script that tokenisers take apart into bytes', [user('ሰላም')], { expected: 3 + 4, bound: 9 + 8 + 16 }],
    ['emoji', [user('🎉')], { expected: 1 + 4, bound: 4 + 8 + 16 }],
    ['blanks', [user(' '.repeat(400))], { expected: 12 + 4, bound: 25 + 8 + 16 }],
    [
      'an image, whatever the length of its address',
      [
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(9_000)}` } }],
        },
      ],
      { expected: 1_600 + 4, bound: 1_600 + 8 + 16 },
    ],
    ['an answer without text', [{ role: 'assistant', content: null }], { expected: 4, bound: 8 + 16 }],
  ])('%s', (_, messages, estimate) => {
    expect(estimateTokens(messages)).toEqual(estimate);
  });

  it('tools, a schema and calls of tools count as text', () => {
    const bare = estimateTokens([user('hi')]);
    const text = estimateTokens([user(JSON.stringify([tool]))]);
    const empty = estimateTokens([user('')]);
    expect(estimateTokens([user('hi')], { tools: [tool] }).bound - bare.bound).toBe(text.bound - empty.bound);
    const schema = { type: 'json_schema' as const, json_schema: { name: 'a', schema: { type: 'object' } } };
    expect(estimateTokens([user('hi')], { response_format: schema }).expected).toBeGreaterThan(bare.expected + 10);
    const call = { id: 'call-1', type: 'function' as const, function: { name: 'f', arguments: 'x'.repeat(400) } };
    expect(estimateTokens([{ role: 'assistant', tool_calls: [call] }]).expected).toBeGreaterThan(100);
  });
});

const boundOf = (text: string): number => estimateTokens([user(text)]).bound - estimateTokens([user('')]).bound;

describe('the bound of a text', () => {
  // Counted with the tokenisers o200k and cl100k; the larger of the two.
  it.each([
    ['The old man walked slowly down to the harbour, where the boats were waiting.', 16],
    ['3f2504e0-4f89-41d3-9a0c-0305e82c3301', 27],
    ['QWxhZGRpbjpvcGVuIHNlc2FtZQ==', 20],
    ['1 2 3 4 5 6 7 8 9', 17],
  ])('%s', (text, tokens) => {
    expect(boundOf(text)).toBeGreaterThanOrEqual(tokens);
    expect(boundOf(text)).toBeLessThanOrEqual(2.4 * tokens);
  });
});

describe('what is asked for a job', () => {
  const router = createRouter(
    configOf({
      tasks: { coding: { requires: ['reasoning'], max_tokens: 300, max_cost_usd: 0.5, max_latency_ms: 700 } },
      routing: { default_max_tokens: 77 },
    }),
  );

  it('takes limits from the job, else from its task, else from the routing', () => {
    const own = router.question({ prompt: 'a', task: 'coding', max_tokens: 1, max_cost_usd: 0.001, max_latency_ms: 2 });
    expect(own).toMatchObject({ maxTokens: 1, maxCostNanos: 1_000_000, maxLatencyMs: 2 });
    const tasks = router.question({ prompt: 'a', task: 'coding' });
    expect(tasks).toMatchObject({ maxTokens: 300, maxCostNanos: 500_000_000, maxLatencyMs: 700, needs: ['reasoning'] });
    const bare = router.question({ prompt: 'a' });
    expect(bare).toMatchObject({ task: null, maxTokens: 77, needs: [], tried: [] });
    expect(bare).not.toHaveProperty('maxCostNanos');
  });

  it('derives what a model must be able to do', () => {
    const messages: Message[] = [
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.test/a.png' } }] },
    ];
    const question = router.question({ messages, tools: [tool], response_format: { type: 'json_object' } });
    expect(question.needs).toEqual(['tools', 'json', 'vision']);
    expect(router.question({ prompt: 'a', tools: [], response_format: { type: 'text' } }).needs).toEqual([]);
  });

  it('assigns by user, else by the id in the queue', () => {
    expect(router.question({ prompt: 'a', user: 'u', id: 'row' }, { jobId: 'job' }).unit).toBe('u');
    expect(router.question({ prompt: 'a', id: 'row' }, { jobId: 'job' }).unit).toBe('job');
    expect(router.question({ prompt: 'a', id: 'row' }).unit).toBe('row');
  });

  it('hands over one pinned model as a list of one, and what was tried', () => {
    const question = router.question({ prompt: 'a', model: 'big' }, { tried: ['mid'], avoidProviders: ['west'] });
    expect(question).toMatchObject({ models: ['big'], tried: ['mid'], avoidProviders: ['west'] });
  });

  it('carries prompt text only when there is no task, and only what people wrote', () => {
    expect(router.question({ prompt: 'a', task: 'coding' })).not.toHaveProperty('promptText');
    const messages: Message[] = [
      { role: 'system', content: 'be brief' },
      { role: 'assistant', content: 'answer' },
      { role: 'user', content: 'question' },
    ];
    expect(router.question({ messages }).promptText).toBe('be brief\nquestion');
  });
});

describe('how hard a prompt looks', () => {
  it.each([
    ['', 'small'],
    ['What is the capital of France?', 'small'],
    ['Translate to German: good morning', 'small'],
    ['Write a function that reverses a list', 'medium'],
    ['Why did the Roman republic fall?', 'medium'],
    ['Prove the theorem step by step', 'large'],
    ['Refactor this and explain how it works:\n```\nlet a = 1;\n```', 'large'],
    [`Summarise:\n${'The weather was fine. '.repeat(100)}`, 'small'],
    [`Compare the two:\n${'The weather was fine. '.repeat(500)}`, 'large'],
  ] as const)('%j', (prompt, tier) => {
    expect(guessComplexity(prompt).tier).toBe(tier);
  });

  it('says by which features, and finds them at the end of a long text too', () => {
    const prompt = `${'The weather was fine. '.repeat(500)}\n1. It must rhyme\n2. It must be short\n3. Only nouns`;
    expect(guessComplexity(prompt)).toEqual({
      tier: 'large',
      points: 4,
      features: ['very-long', 'constraints', 'steps'],
    });
  });

  it('takes a bounded time for a text made to be slow', () => {
    const texts = ['a.'.repeat(500_000), ' '.repeat(1_000_000), '1'.repeat(1_000_000), '('.repeat(1_000_000)];
    const startedAt = performance.now();
    for (const text of texts) guessComplexity(text);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});
