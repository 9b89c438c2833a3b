import type Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import type { ChatRequest, Message, SamplingParameters } from '../../src/domain/request.ts';
import { createAnthropicDialect } from '../../src/providers/anthropic/dialect.ts';
import { MODEL, REQUEST } from '../support/upstream.ts';

type Body = Partial<Anthropic.MessageCreateParams> & { temperature?: number; top_p?: number };
type Settings = { request?: Partial<typeof MODEL.request>; maxTokens?: number; version?: string };

function bodyFor(id: string, asked: Partial<ChatRequest>, { request, version }: Settings = {}): Body {
  const dialect = createAnthropicDialect('claude', version === undefined ? {} : { anthropic: { version } });
  const model = { ...MODEL, id, request: { ...MODEL.request, ...request } };
  return dialect.toRequest(model, { ...REQUEST, ...asked }, { stream: false }).body as Body;
}

function asking(id: string, parameters: SamplingParameters, settings: Settings = {}): Body {
  return bodyFor(id, { parameters, maxTokens: settings.maxTokens ?? 10_000 }, settings);
}

function saying(...messages: Message[]): Body {
  return bodyFor('claude-sonnet-5', { messages });
}

test('the headers name the version and what is in beta', () => {
  expect(createAnthropicDialect('claude', {}).headers).toEqual({ 'anthropic-version': '2023-06-01' });
  const dialect = createAnthropicDialect('claude', {
    anthropic: { version: '2026-10-21', beta: ['a-2026', 'b-2026'] },
  });
  expect(dialect.headers).toEqual({ 'anthropic-version': '2026-10-21', 'anthropic-beta': 'a-2026,b-2026' });
  expect(dialect.authorization('sk')).toEqual({ 'x-api-key': 'sk' });
});

test('the list of models tells dated ids, and the names they answer to', () => {
  const dialect = createAnthropicDialect('claude', {});
  const data = [{ id: 'claude-haiku-4-5-20251001', type: 'model' }, { id: 'claude-opus-5' }];
  expect(dialect.modelIdsIn({ data })).toEqual(['claude-haiku-4-5-20251001', 'claude-haiku-4-5', 'claude-opus-5']);
  expect(dialect.modelIdsIn({ models: [] })).toBeUndefined();
});

describe('how tokens are chosen', () => {
  const both = { temperature: 1.5, top_p: 0.9 };

  test.each([
    ['claude-3-haiku-20240307', { temperature: 1, top_p: 0.9 }],
    ['claude-sonnet-4-20250514', { temperature: 1, top_p: 0.9 }],
    ['claude-opus-4-1-20250805', { temperature: 1 }],
    ['claude-haiku-4-5-20251001', { temperature: 1 }],
    ['claude-opus-4-6', { temperature: 1 }],
    ['claude-opus-4-7', {}],
    ['claude-sonnet-5', {}],
    ['claude-haiku-5-5', {}],
    ['claude-mythos-preview', {}],
    ['kimi-k2', { temperature: 1, top_p: 0.9 }],
  ])('%s is told as far as it can be', (id, expected) => {
    const { temperature, top_p } = asking(id, both);
    expect({ temperature, top_p }).toEqual({ temperature: undefined, top_p: undefined, ...expected });
  });

  test('top_p alone is said', () => {
    expect(asking('claude-haiku-4-5', { top_p: 0.9 })).toHaveProperty('top_p', 0.9);
  });

  test('nothing is said to the newer version of the API, nor what the model is configured without', () => {
    expect(asking('claude-haiku-4-5', both, { version: '2026-10-21' })).not.toHaveProperty('temperature');
    const request = { omit: ['temperature' as const] };
    expect(asking('claude-haiku-4-5', both, { request })).toMatchObject({ top_p: 0.9 });
    expect(asking('claude-haiku-4-5', both, { request })).not.toHaveProperty('temperature');
  });

  test('what the API has no word for is left out', () => {
    const hints = { seed: 7, frequency_penalty: 1, presence_penalty: 1, parallel_tool_calls: false };
    expect(asking('claude-haiku-4-5', hints)).toEqual(asking('claude-haiku-4-5', {}));
  });
});

describe('thinking', () => {
  const adaptive = { type: 'adaptive' };

  test.each([
    ['claude-haiku-4-5', 'high', { thinking: { type: 'enabled', budget_tokens: 8_000 } }],
    ['claude-haiku-4-5', 'minimal', { thinking: { type: 'enabled', budget_tokens: 1_024 } }],
    ['claude-haiku-4-5', 'none', {}],
    ['claude-opus-4-6', 'xhigh', { thinking: adaptive, output_config: { effort: 'high' } }],
    ['claude-opus-4-6', 'none', {}],
    ['claude-opus-4-8', 'xhigh', { thinking: adaptive, output_config: { effort: 'xhigh' } }],
    ['claude-sonnet-5', 'minimal', { thinking: adaptive, output_config: { effort: 'low' } }],
    ['claude-sonnet-5', 'none', { thinking: { type: 'disabled' } }],
    ['claude-haiku-5-5', 'none', { thinking: { type: 'disabled' } }],
    ['claude-sonnet-5-5', 'none', { thinking: { type: 'between_tools' } }],
    ['claude-opus-5-5', 'none', { output_config: { effort: 'low' } }],
    ['claude-fable-5-2', 'none', { output_config: { effort: 'low' } }],
  ] as const)('%s with the effort %s', (id, effort, expected) => {
    const { thinking, output_config } = asking(id, { reasoning_effort: effort });
    expect(JSON.parse(JSON.stringify({ thinking, output_config }))).toEqual(expected);
  });

  test('leaves room for the answer, or is left out', () => {
    for (const maxTokens of [64, 1_024, 2_047, 2_048, 20_000]) {
      const { thinking } = asking('claude-haiku-4-5', { reasoning_effort: 'xhigh' }, { maxTokens });
      if (maxTokens < 2_048) expect(thinking).toBeUndefined();
      else expect(thinking).toHaveProperty('budget_tokens', Math.max(1_024, maxTokens * 0.9 - ((maxTokens * 0.9) % 1)));
    }
  });

  test('goes before a temperature, and after a call that is wanted', () => {
    const thoughtful = { reasoning_effort: 'high' as const, temperature: 0.5 };
    expect(asking('claude-haiku-4-5', thoughtful)).not.toHaveProperty('temperature');
    const forced = { ...thoughtful, tools: [toolNamed('look')], tool_choice: 'required' as const };
    expect(asking('claude-haiku-4-5', forced)).toMatchObject({ temperature: 0.5, tool_choice: { type: 'any' } });
    expect(asking('claude-haiku-4-5', forced)).not.toHaveProperty('thinking');
    expect(asking('claude-sonnet-5', forced)).toMatchObject({ output_config: { effort: 'high' } });
    expect(asking('claude-sonnet-5', forced)).not.toHaveProperty('thinking');
  });
});

function toolNamed(name: string, more: object = {}): NonNullable<SamplingParameters['tools']>[number] {
  return { type: 'function', function: { name, ...more } };
}

describe('tools', () => {
  const named = { type: 'function' as const, function: { name: 'look' } };

  test.each([
    [undefined, undefined, undefined],
    ['auto', undefined, { type: 'auto' }],
    ['none', false, { type: 'none' }],
    ['required', undefined, { type: 'any' }],
    [named, false, { type: 'tool', name: 'look', disable_parallel_tool_use: true }],
    [undefined, false, { type: 'auto', disable_parallel_tool_use: true }],
  ] as const)('the choice %o, parallel %s', (tool_choice, parallel_tool_calls, expected) => {
    const parameters: SamplingParameters = {
      tools: [toolNamed('look')],
      ...(tool_choice === undefined ? {} : { tool_choice }),
      ...(parallel_tool_calls === undefined ? {} : { parallel_tool_calls }),
    };
    expect(asking('claude-sonnet-5', parameters).tool_choice).toEqual(expected);
  });

  test('a choice without tools is none', () => {
    expect(asking('claude-sonnet-5', { tools: [], tool_choice: 'required' })).not.toHaveProperty('tool_choice');
  });

  test.each(['claude-opus-5', 'claude-haiku-5-5', 'claude-fable-5', 'claude-haiku-4-5', 'glm-5'])(
    '%s is made to call one',
    (id) => {
      const body = asking(id, { tools: [toolNamed('look')], tool_choice: 'required' });
      expect(body).toMatchObject({ tool_choice: { type: 'any' } });
      expect(body).not.toHaveProperty('system');
    },
  );

  test('have a schema that is an object’s, closed where it is to be kept to', () => {
    const parameters = { properties: { a: { type: 'string' } }, required: ['a'] };
    const tools = [
      toolNamed('free'),
      toolNamed('open', { parameters }),
      toolNamed('strict', { parameters, strict: true }),
    ];
    const open = { type: 'object', ...parameters };
    expect(asking('claude-sonnet-5', { tools }).tools).toEqual([
      { name: 'free', input_schema: { type: 'object' } },
      { name: 'open', input_schema: open },
      { name: 'strict', input_schema: { ...open, additionalProperties: false }, strict: true },
    ]);
    expect(asking('claude-opus-4-1', { tools }).tools?.[2]).toEqual({ name: 'strict', input_schema: open });
    const loose = [toolNamed('loose', { parameters: { additionalProperties: true }, strict: true })];
    expect(asking('claude-sonnet-5', { tools: loose }).tools?.[0]).not.toHaveProperty('strict');
  });
});

describe('an answer in JSON, from a model that cannot be bound to a schema', () => {
  const response_format = { type: 'json_object' as const };
  const schema = { properties: { city: { type: 'string' } } };
  const answerTool = { name: 'sluice_json_answer', input_schema: { type: 'object' } };

  test('is the input of a tool that it has to call', () => {
    const body = asking('kimi-k2', { response_format, reasoning_effort: 'high' });
    expect(body).toMatchObject({ tools: [answerTool], tool_choice: { type: 'tool', name: 'sluice_json_answer' } });
    expect(body).not.toHaveProperty('thinking');
    const bound = { type: 'json_schema' as const, json_schema: { name: 'place', schema } };
    expect(asking('claude-opus-4-1', { response_format: bound }).tools).toMatchObject([
      { ...answerTool, input_schema: { type: 'object', ...schema } },
    ]);
  });

  test('stands beside the job’s own tools', () => {
    const tools = [toolNamed('look')];
    const beside = { tools: [{ name: 'look' }, answerTool] };
    expect(asking('kimi-k2', { response_format, tools })).toMatchObject({ ...beside, tool_choice: { type: 'any' } });
    expect(asking('kimi-k2', { response_format, tools, tool_choice: 'none' })).toMatchObject({
      ...beside,
      tool_choice: { type: 'tool', name: 'sluice_json_answer' },
    });
    const called = asking('kimi-k2', { response_format, tools, tool_choice: 'required' });
    expect(called.tools).toHaveLength(1);
    expect(called.tool_choice).toEqual({ type: 'any' });
  });
});

describe('messages', () => {
  test('what is empty is left out, and somebody speaks first and last who may', () => {
    expect(saying({ role: 'user', content: ' \n' }).messages).toEqual([{ role: 'user', content: '.' }]);
    const greeting: Message = { role: 'assistant', content: 'Hi.' };
    expect(saying(greeting, { role: 'user', content: '' }).messages).toEqual([
      { role: 'user', content: '.' },
      greeting,
      { role: 'user', content: 'Go on.' },
    ]);
    expect(
      saying({ role: 'system', content: 'Be.' }, { role: 'user', content: [{ type: 'text', text: ' ' }] }),
    ).toMatchObject({
      system: 'Be.',
      messages: [{ role: 'user', content: '.' }],
    });
  });

  test('a refusal is what the assistant said', () => {
    const refusal: Message = { role: 'assistant', content: null, refusal: 'No.' };
    expect(saying({ role: 'user', content: 'a' }, refusal, { role: 'user', content: 'b' }).messages?.[1]).toEqual({
      role: 'assistant',
      content: 'No.',
    });
  });

  test.each([
    ['data:image/svg+xml,%3Csvg/%3E', 'image/svg+xml', '<svg/>'],
    ['data:image/svg+xml;charset=utf-8,100%', 'image/svg+xml', '100%'],
  ])('the image %s is sent in base64', (url, mediaType, text) => {
    const body = saying({ role: 'user', content: [{ type: 'image_url', image_url: { url } }] });
    const source = { type: 'base64', media_type: mediaType, data: Buffer.from(text).toString('base64') };
    expect(body.messages).toEqual([{ role: 'user', content: [{ type: 'image', source }] }]);
  });

  test('calls whose ids the API refuses keep their results, and different ids stay different', () => {
    const ids = ['call_1', 'a.b', 'a:b', 'a/b', ''];
    const toolCalls = ids.map((id) => ({
      id,
      type: 'function' as const,
      function: { name: 'look', arguments: '[1]' },
    }));
    const { messages } = saying(
      { role: 'user', content: 'a' },
      { role: 'assistant', tool_calls: toolCalls },
      ...ids.map((id): Message => ({ role: 'tool', tool_call_id: id, content: 'x' })),
    );
    const uses = messages?.[1]?.content as Anthropic.ToolUseBlockParam[];
    const results = messages?.[2]?.content as Anthropic.ToolResultBlockParam[];
    expect(uses.map(({ input }) => input)).toEqual(ids.map(() => ({ arguments: '[1]' })));
    expect(results.map((result) => result.tool_use_id)).toEqual(uses.map(({ id }) => id));
    expect(new Set(uses.map(({ id }) => id)).size).toBe(ids.length);
    for (const { id } of uses) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
  });
});

test.each([
  ['auto', 'auto'],
  ['priority', 'auto'],
  ['default', 'standard_only'],
  ['flex', undefined],
  [undefined, undefined],
] as const)('the service tier %s is asked for as %s', (service_tier, expected) => {
  const request = service_tier === undefined ? {} : { service_tier };
  expect(asking('claude-sonnet-5', {}, { request }).service_tier).toBe(expected);
});
