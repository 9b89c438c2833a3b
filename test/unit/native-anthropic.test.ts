import type Anthropic from '@anthropic-ai/sdk';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAnthropicRequest } from '../../src/domain/native/anthropic/request.ts';
import { formatProblem } from '../../src/domain/issues.ts';
import type { ModelSpec } from '../../src/domain/model.ts';
import type { ContentPart, Message, SamplingParameters } from '../../src/domain/request.ts';
import { createAnthropicDialect } from '../../src/providers/anthropic/dialect.ts';

const PLAIN = {
  model: 'claude-sonnet-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello.' }],
} satisfies Anthropic.MessageCreateParams;

function requestOf(body: object): object {
  const read = readAnthropicRequest({ ...PLAIN, ...body });
  if (!read.ok) throw new Error(read.problems.map(formatProblem).join('\n'));
  return read.value;
}

function problemsOf(body: object): string[] {
  const read = readAnthropicRequest({ ...PLAIN, ...body });
  return read.ok ? [] : read.problems.map(formatProblem);
}

function turn(...content: unknown[]): { messages: unknown[] } {
  return { messages: [{ role: 'user', content }] };
}

describe('a body of the Messages API', () => {
  it('is a job’s request', () => {
    const body = {
      model: 'claude-haiku-4-5',
      max_tokens: 50,
      system: 'Be brief.',
      messages: [
        { role: 'user', content: 'And?' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: 'EsEC' },
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'it' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'Seen.' }] },
            { type: 'text', text: 'Well?' },
          ],
        },
        { role: 'system', content: 'Be kind.' },
      ],
      stop_sequences: ['END'],
      tools: [{ name: 'look', input_schema: { type: 'object' }, cache_control: null }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      output_config: { effort: 'low', format: { type: 'json_schema', schema: { type: 'object' } } },
      metadata: { user_id: 'u-1' },
      service_tier: 'auto',
    } satisfies Anthropic.MessageCreateParams;
    expect(requestOf({ ...body, temperature: 0.5 })).toEqual({
      model: 'claude-haiku-4-5',
      max_tokens: 50,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'And?' },
        {
          role: 'assistant',
          content: 'I look.',
          tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }],
        },
        { role: 'tool', tool_call_id: 'toolu_1', content: [{ type: 'text', text: 'Seen.' }] },
        { role: 'user', content: 'Well?' },
        { role: 'system', content: 'Be kind.' },
      ],
      temperature: 0.5,
      stop: ['END'],
      tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }],
      tool_choice: 'required',
      parallel_tool_calls: false,
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 'response', schema: { type: 'object' } } },
      user: 'u-1',
    });
  });

  it.each([
    [{ type: 'disabled' }, 'none'],
    [{ type: 'between_tools' }, 'none'],
    [{ type: 'adaptive' }, 'high'],
    [{ type: 'enabled', budget_tokens: 2_000 }, 'low'],
    [{ type: 'enabled', budget_tokens: 5_000 }, 'medium'],
    [{ type: 'enabled', budget_tokens: 9_000 }, 'high'],
  ])('thinks as it says: %o is %s', (thinking, effort) => {
    expect(requestOf({ thinking, max_tokens: 10_000 })).toHaveProperty('reasoning_effort', effort);
  });

  it('may ask for a stream, which is for the caller to judge', () => {
    expect(requestOf({ stream: true })).toHaveProperty('stream', true);
  });
});

describe('what other models cannot be told', () => {
  const mark = { type: 'ephemeral' };
  const tool = { name: 'look', input_schema: { type: 'object' } };
  const other = 'leave it out';

  it.each<[string, object, string]>([
    [
      'a mark for the cache',
      turn({ type: 'text', text: 'a', cache_control: mark }),
      'messages[0].content[0].cache_control',
    ],
    ['a mark on a tool', { tools: [{ ...tool, cache_control: mark }] }, 'tools[0].cache_control'],
    [
      'a document',
      turn({ type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } }),
      'messages[0].content[0].type',
    ],
    ['a tool run by Anthropic', { tools: [{ type: 'web_search_20260318', name: 'web_search' }] }, 'tools[0].type'],
    [
      'an image in its files',
      turn({ type: 'image', source: { type: 'file', file_id: 'f' } }),
      'messages[0].content[0].source.type',
    ],
    [
      'a failed tool',
      turn({ type: 'tool_result', tool_use_id: 'a', is_error: true }),
      'messages[0].content[0].is_error',
    ],
    ['top_k', { top_k: 5 }, 'top_k'],
    ['the most effort', { output_config: { effort: 'max' } }, 'output_config.effort'],
    ['a container', { container: 'c' }, 'container'],
    [
      'the beginning of an answer',
      { messages: [...PLAIN.messages, { role: 'assistant', content: '{' }] },
      'messages[1]',
    ],
    ['more than four stop sequences', { stop_sequences: ['a', 'b', 'c', 'd', 'e'] }, 'stop_sequences'],
    ['no limit', { max_tokens: undefined }, 'max_tokens'],
  ])('%s is one problem, with its place', (_name, body, path) => {
    const problems = problemsOf(body);
    expect(problems.filter((problem) => problem.startsWith(`${path}: `))).toHaveLength(1);
    expect(problems).toHaveLength(1);
  });

  it('has its reason told', () => {
    expect(problemsOf({ top_k: 5 })).toEqual([`top_k: not every model has it; use top_p`]);
    expect(problemsOf({ speed: 'fast' })).toEqual([`speed: only Anthropic has it; ${other}`]);
  });

  it('is named where nobody knows it, and no text of a prompt with it', () => {
    expect(problemsOf({ temprature: 1 })).toEqual(['unknown field "temprature" (did you mean "temperature"?)']);
    expect(problemsOf(turn({ type: 'tool_use', id: 'a', name: 'b', input: 'secret' })).join()).not.toContain('secret');
    expect(problemsOf({ system: [{ type: 'text', text: 5, x: 'secret' }] }).join()).not.toContain('secret');
  });
});

const word = fc.stringMatching(/^[a-zé"\\{} ]{0,12}[a-z]$/);
const id = fc.stringMatching(/^[a-zA-Z][\w-]{0,11}$/);
const textPart = word.map((text): ContentPart => ({ type: 'text', text }));
const imagePart = fc
  .oneof(
    fc.constant('https://example.com/a.png'),
    fc.base64String({ minLength: 4 }).map((data) => `data:image/png;base64,${data}`),
  )
  .map((url): ContentPart => ({ type: 'image_url', image_url: { url } }));
const parts = fc.array(fc.oneof(textPart, imagePart), { minLength: 1, maxLength: 4 });
const said = fc.oneof(word, parts);
const texts = fc.oneof(word, fc.array(textPart, { minLength: 2, maxLength: 3 }));

const toolCall = fc.record({
  id,
  type: fc.constant('function' as const),
  function: fc.record({
    name: id,
    arguments: fc.dictionary(id, fc.oneof(word, fc.integer(), fc.boolean())).map((input) => JSON.stringify(input)),
  }),
});

/** A turn of the assistant and one of the user after it; with calls of tools, their results first. */
const exchange = fc.oneof(
  fc.tuple(texts, said).map(([answer, next]): Message[] => [
    { role: 'assistant', content: answer },
    { role: 'user', content: next },
  ]),
  fc
    .tuple(
      fc.option(texts),
      fc.array(fc.tuple(toolCall, said), { minLength: 1, maxLength: 3 }),
      fc.option(fc.oneof(word, fc.array(textPart, { minLength: 2, maxLength: 3 }))),
    )
    .map(([content, calls, next]): Message[] => [
      { role: 'assistant', content, tool_calls: calls.map(([call]) => call) },
      ...calls.map(([call, told]): Message => ({ role: 'tool', tool_call_id: call.id, content: told })),
      ...(next === null ? [] : [{ role: 'user' as const, content: next }]),
    ]),
);

const conversation = fc
  .tuple(fc.option(texts), said, fc.array(exchange, { maxLength: 3 }))
  .map(([system, first, exchanges]): Message[] => [
    ...(system === null ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: first },
    ...exchanges.flat(),
  ]);

const schema = fc.uniqueArray(id, { minLength: 1, maxLength: 3 }).map((names) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  required: names,
  additionalProperties: false,
}));

/** What both can say; a choice among tools goes along with tools. */
const parameters = fc
  .record({
    sampling: fc.record({ temperature: fc.double({ min: 0, max: 1, noNaN: true }) }, { requiredKeys: [] }),
    stop: fc.record({ stop: fc.array(word, { minLength: 1, maxLength: 4 }) }, { requiredKeys: [] }),
    format: fc.option(schema),
    tools: fc.option(fc.uniqueArray(id, { minLength: 1, maxLength: 3 })),
    choice: fc.constantFrom('auto', 'none', 'required', 'named'),
    isSingle: fc.boolean(),
  })
  .map(({ sampling, stop, format, tools, choice, isSingle }): SamplingParameters => ({
    ...sampling,
    ...stop,
    ...(format === null
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { name: 'response', schema: format } } }),
    ...(tools === null
      ? {}
      : {
          tools: tools.map((name) => ({
            type: 'function' as const,
            function: { name, description: 'It looks.', parameters: { type: 'object', properties: {} } },
          })),
          tool_choice:
            choice === 'named' ? { type: 'function' as const, function: { name: tools[0] ?? '' } } : (choice as 'auto'),
          ...(isSingle && choice !== 'none' ? { parallel_tool_calls: false } : {}),
        }),
  }));

const MODEL: ModelSpec = {
  alias: 'haiku',
  provider: 'anthropic',
  id: 'claude-haiku-4-5',
  price: { inputPicosPerToken: 0, outputPicosPerToken: 0 },
  priceSource: 'config',
  contextTokens: 200_000,
  maxOutputTokens: 8_000,
  capabilities: new Set(),
  tier: 'small',
  scores: new Map(),
  defaultScore: 0.5,
  latencyMs: { p50: 1, p95: 1 },
  family: 'haiku',
  weight: 1,
  lacks: new Set(),
  limits: {},
  request: { omit: [] },
};

it('a request is the same after the way to Anthropic’s words and back', () => {
  const dialect = createAnthropicDialect('anthropic', {});
  fc.assert(
    fc.property(conversation, parameters, fc.integer({ min: 1, max: 8_000 }), (messages, asked, maxTokens) => {
      const request = { messages, maxTokens, parameters: asked };
      const { body } = dialect.toRequest(MODEL, request, { stream: false });
      expect(readAnthropicRequest(JSON.parse(JSON.stringify(body)))).toEqual({
        ok: true,
        value: { ...asked, messages, max_tokens: maxTokens, model: MODEL.id },
      });
    }),
    { numRuns: 300 },
  );
});
