import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/domain/errors.ts';
import type { Completion } from '../../src/domain/result.ts';
import { createOpenAiDialect } from '../../src/providers/chat/dialect.ts';
import {
  CANARY,
  chatCompletion,
  complete,
  connectProvider,
  failureOf,
  startFixedUpstream,
} from '../support/upstream.ts';

const dialect = createOpenAiDialect('upstream', { base_url: 'http://127.0.0.1/v1' });
const toCompletion = (body: unknown): Completion => dialect.toCompletion(body, {});

const choice = (message: unknown, reason: unknown = 'stop'): { choices: unknown[] } => ({
  choices: [{ index: 0, message, finish_reason: reason }],
});
const text = (content: string, reason: unknown = 'stop'): { choices: unknown[] } => choice({ content }, reason);

describe('an answer', () => {
  test('becomes a completion', async () => {
    const upstream = await startFixedUpstream(200, chatCompletion());
    await expect(complete(connectProvider(upstream.url))).resolves.toEqual({
      content: 'four',
      finish_reason: 'stop',
      usage: { input_tokens: 12, output_tokens: 3 },
      response_id: 'chatcmpl-1',
      served_model: 'vendor/small-1-2026',
    });
  });

  test('may be tool calls without a text', () => {
    const toolCalls = [{ id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }];
    expect(toCompletion(chatCompletion(choice({ content: null, tool_calls: toolCalls }, 'tool_calls')))).toMatchObject({
      content: null,
      tool_calls: toolCalls,
      finish_reason: 'tool_calls',
    });
  });

  test('may be a tool call whose arguments are no text', () => {
    const call = { id: 'call_1', function: { name: 'add', arguments: { a: 1 } } };
    expect(
      toCompletion(chatCompletion(choice({ tool_calls: [call, { function: { name: 'now' } }] }))).tool_calls,
    ).toEqual([
      { id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } },
      {
        id: expect.stringMatching(/^call_[0-9a-f]{24}$/),
        type: 'function',
        function: { name: 'now', arguments: '{}' },
      },
    ]);
  });

  test('gives calls without an id one that is the same each time, and another for each call', () => {
    const call = { id: '', function: { name: 'add', arguments: '{}' } };
    const idsIn = (id: string): string[] =>
      toCompletion(chatCompletion({ id, ...choice({ tool_calls: [call, call] }) })).tool_calls?.map(({ id }) => id) ??
      [];
    expect(idsIn('a')).toEqual(idsIn('a'));
    expect(new Set([...idsIn('a'), ...idsIn('b')]).size).toBe(4);
  });

  test('may be a refusal', () => {
    const completion = toCompletion(chatCompletion(choice({ content: null, refusal: 'No.' })));
    expect(completion).toMatchObject({ content: null, refusal: 'No.', finish_reason: 'stop' });
  });

  test.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['tool_calls', 'tool_calls'],
    ['content_filter', 'content_filter'],
    ['function_call', 'tool_calls'],
    ['eos', 'stop'],
    ['model_length', 'length'],
    ['STOP', 'stop'],
  ])('with the finish reason %s is one of %s', (reason, expected) => {
    expect(toCompletion(chatCompletion(text('four', reason))).finish_reason).toBe(expected);
  });
});

describe('a 200 that is no answer', () => {
  const truncated = JSON.stringify(chatCompletion(text(CANARY.answer))).slice(0, -40);

  const useless: [string, Record<string, unknown>, string][] = [
    ['no choices field', { choices: undefined }, 'without choices'],
    ['null for choices', { choices: null }, 'without choices'],
    ['an empty list of choices', { choices: [] }, 'without choices'],
    ['an empty text', text(''), 'with an empty answer'],
    ['null for a text', choice({ content: null }), 'with an empty answer'],
    ['an empty list of tool calls', choice({ content: '', tool_calls: [] }), 'with an empty answer'],
    ['an empty text that was cut off', text('', 'length'), 'with an empty answer'],
    ['no finish reason', text(CANARY.answer, null), 'with an answer that has no known finish_reason'],
    ['the finish reason "error"', text('x', 'error'), 'with an answer that has no known finish_reason'],
    [
      'an unknown finish reason',
      text('x', 'insufficient_system_resource'),
      'with an answer that has no known finish_reason',
    ],
  ];

  test.each(useless)('%s costs what the provider says it used', async (_name, body, problem) => {
    const upstream = await startFixedUpstream(200, chatCompletion(body));
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expect(error).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      message: `upstream answered 200 ${problem}`,
      details: { provider: 'upstream', status: 200, billed: { usage: { input_tokens: 12, output_tokens: 3 } } },
    });
    expect(error.details.billUnknown).toBeUndefined();
  });

  test.each(useless)('%s without a word about usage may be billed', async (_name, body) => {
    const upstream = await startFixedUpstream(200, chatCompletion({ ...body, usage: undefined }));
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expect(error.details).toMatchObject({ billUnknown: true });
    expect(error.details.billed).toBeUndefined();
  });

  test.each<[string, unknown, string]>([
    ['a choice without a message', chatCompletion({ choices: [{}] }), 'with a body that is no chat completion'],
    ['a text that is a number', chatCompletion(choice({ content: 4 })), 'with a body that is no chat completion'],
    ['null', 'null', 'with a body that is no chat completion'],
    ['a list', '[]', 'with a body that is no chat completion'],
    ['a text', `"${CANARY.answer}"`, 'with a body that is no chat completion'],
    ['nothing', '', 'with a body that is not JSON'],
    ['HTML', `<!doctype html><p>${CANARY.prompt}`, 'with a body that is not JSON'],
    ['truncated JSON', truncated, 'with a body that is not JSON'],
    ['an event stream', 'data: {"choices":[]}\n\ndata: [DONE]\n\n', 'with a body that is not JSON'],
    ['bytes', Buffer.from([0xff, 0xfe, 0x00, 0x80]), 'with a body that is not JSON'],
    ['200,000 levels', '['.repeat(200_000), 'with a body that is not JSON'],
  ])('%s is a bad response, and may be billed', async (_name, body, problem) => {
    const upstream = await startFixedUpstream(200, body);
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expect(error).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      message: `upstream answered 200 ${problem}`,
      details: { provider: 'upstream', status: 200, billUnknown: true },
    });
  });

  test('an answer that was held back is the filter’s doing, not the model’s', async () => {
    const upstream = await startFixedUpstream(200, chatCompletion(choice({ content: null }, 'content_filter')));
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expect(error).toMatchObject({
      code: 'CONTENT_FILTERED',
      details: { status: 200, billed: { usage: { input_tokens: 12, output_tokens: 3 } } },
    });
  });
});

const usageOf = (usage: unknown): Completion['usage'] => toCompletion(chatCompletion({ usage })).usage;
const billed = (cost: unknown): number | undefined =>
  toCompletion(chatCompletion({ usage: { prompt_tokens: 12, completion_tokens: 3, cost } })).billed_nanos;

describe('usage', () => {
  const unknown = { input_tokens: 0, output_tokens: 0, estimated: true };

  test.each<[string, unknown]>([
    ['missing', undefined],
    ['null', null],
    ['a text', 'many'],
    ['empty', {}],
    ['negative', { prompt_tokens: -5, completion_tokens: 3 }],
    ['in strings', { prompt_tokens: '12', completion_tokens: '3' }],
    ['fractional', { prompt_tokens: 1.5, completion_tokens: 3 }],
    ['beyond all measure', { prompt_tokens: 1e308, completion_tokens: 3 }],
    ['beyond exact integers', { prompt_tokens: 9e15, completion_tokens: 3 }],
    ['half of it', { prompt_tokens: 12 }],
    ['all zero', { prompt_tokens: 0, completion_tokens: 0 }],
  ])('that is %s is estimated, and the answer is kept', (_name, usage) => {
    expect(usageOf(usage)).toEqual(unknown);
  });

  test('details are taken when they make sense, and never spoil the rest', () => {
    expect(
      usageOf({
        prompt_tokens: 12,
        completion_tokens: 3,
        prompt_tokens_details: { cached_tokens: 8 },
        completion_tokens_details: { reasoning_tokens: 2 },
      }),
    ).toEqual({ input_tokens: 12, output_tokens: 3, cached_input_tokens: 8, reasoning_tokens: 2 });
    for (const details of [
      null,
      'x',
      { cached_tokens: 13, reasoning_tokens: 4 },
      { cached_tokens: -1 },
      { cached_tokens: 'x', reasoning_tokens: 1e300 },
    ]) {
      const usage = { prompt_tokens: 12, completion_tokens: 3 };
      expect(usageOf({ ...usage, prompt_tokens_details: details, completion_tokens_details: details })).toEqual({
        input_tokens: 12,
        output_tokens: 3,
      });
    }
  });

  test('a total that nothing explains changes nothing', () => {
    const usage = { prompt_tokens: 12, completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 2 } };
    for (const total of [0, 14, 400, -1, 1e300, 'x', null]) {
      expect(usageOf({ ...usage, total_tokens: total })).toEqual({
        input_tokens: 12,
        output_tokens: 3,
        reasoning_tokens: 2,
      });
    }
  });

  test('a tier that is no word is not recorded', () => {
    for (const tier of [7, '', 'Robert"); DROP', 'x'.repeat(33), 'auto', 'on_demand']) {
      expect(toCompletion(chatCompletion({ service_tier: tier })).usage).toEqual({
        input_tokens: 12,
        output_tokens: 3,
      });
    }
  });

  test('what the provider says it charges is trusted', () => {
    expect(billed(0.000_123_4)).toBe(123_400);
    expect(billed(0)).toBe(0);
    for (const nonsense of [undefined, null, -0.01, '0.01', 1e9, {}]) expect(billed(nonsense)).toBeUndefined();
  });

  test('a nonsensical charge does not cost the token counts', () => {
    expect(usageOf({ prompt_tokens: 12, completion_tokens: 3, cost: 'free' })).toEqual({
      input_tokens: 12,
      output_tokens: 3,
    });
  });
});

test('any body is a completion with an answer in it, or one GatewayError', () => {
  const noise = fc.oneof(
    fc.anything(),
    fc.record(
      {
        error: fc.anything(),
        choices: fc.oneof(
          fc.anything(),
          fc.array(
            fc.record(
              {
                message: fc.oneof(fc.anything(), fc.record({ content: fc.anything(), tool_calls: fc.anything() })),
                finish_reason: fc.oneof(fc.anything(), fc.constantFrom('stop', 'length', 'content_filter')),
              },
              { requiredKeys: [] },
            ),
          ),
        ),
        usage: fc.anything(),
      },
      { requiredKeys: [] },
    ),
    fc.anything().map((usage) => chatCompletion({ usage })),
  );
  fc.assert(
    fc.property(noise, (body) => {
      try {
        const { content, refusal, tool_calls: toolCalls, usage } = toCompletion(body);
        expect(Boolean(content) || Boolean(refusal) || (toolCalls?.length ?? 0) > 0).toBe(true);
        expect(Number.isSafeInteger(usage.input_tokens) && usage.input_tokens >= 0).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError);
      }
    }),
    { numRuns: 500 },
  );
});

test('arguments that are objects in objects without an end are a bad answer, and no bug of ours', async () => {
  const depth = 100_000;
  const call = `{"id":"c","type":"function","function":{"name":"f","arguments":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}}`;
  const body = `{"choices":[{"message":{"role":"assistant","tool_calls":[${call}]},"finish_reason":"tool_calls"}]}`;
  const upstream = await startFixedUpstream(200, body);
  await expect(complete(connectProvider(upstream.url))).rejects.toMatchObject({ code: 'PROVIDER_BAD_RESPONSE' });
});
