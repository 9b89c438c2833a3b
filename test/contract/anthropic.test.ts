import type Anthropic from '@anthropic-ai/sdk';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/domain/errors.ts';
import type { Completion } from '../../src/domain/result.ts';
import { createAnthropicDialect } from '../../src/providers/anthropic/dialect.ts';
import {
  CANARY,
  complete,
  connectProvider,
  failureOf,
  MODEL,
  REQUEST,
  startStreamingUpstream,
} from '../support/upstream.ts';
import { eventsOf, messageOf, textBlock, toolUse, USAGE, wireOf } from './cases/anthropic-wire.ts';

const dialect = createAnthropicDialect('claude', {});
const toCompletion = (body: unknown): Completion => dialect.toCompletion(body, {});
const hello = messageOf([textBlock('Hello there.')]);

const OVERLOADED: Anthropic.ErrorResponse = {
  type: 'error',
  error: { type: 'overloaded_error', message: CANARY.prompt },
  request_id: null,
};

function connect(url: string): ReturnType<typeof connectProvider> {
  return connectProvider(url, { kind: 'anthropic', stream: true });
}

describe('an answer', () => {
  test('is what was said, in one, without what was thought', () => {
    const content = [
      textBlock('One, '),
      { type: 'thinking' as const, thinking: '?', signature: '' },
      textBlock('two.'),
    ];
    expect(toCompletion(messageOf(content)).content).toBe('One, two.');
  });

  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['pause_turn', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['refusal', 'content_filter'],
  ] as const)('that stopped for %s is one of %s', (stop_reason, expected) => {
    expect(toCompletion({ ...hello, stop_reason }).finish_reason).toBe(expected);
  });

  test('that was refused half-way has what was said, and a reason even where none is told', () => {
    expect(toCompletion(messageOf([textBlock('First,')], { stop_reason: 'refusal' }))).toMatchObject({
      content: 'First,',
      refusal: 'The model declined to answer.',
    });
  });

  test('given as the input of the tool for it is a text', () => {
    const given = toolUse('toolu_1', 'sluice_json_answer', { city: 'Paris' });
    const completion = toCompletion(messageOf([textBlock('Here:'), given], { stop_reason: 'tool_use' }));
    expect(completion).toMatchObject({ content: '{"city":"Paris"}', finish_reason: 'stop' });
    expect(completion).not.toHaveProperty('tool_calls');
    const both = messageOf([toolUse('toolu_2', 'look', {}), given], { stop_reason: 'tool_use' });
    expect(toCompletion(both)).toMatchObject({ finish_reason: 'tool_calls', tool_calls: [{ id: 'toolu_2' }] });
  });

  test.each<[unknown, string]>([
    [{ ...hello, stop_reason: null }, 'with an answer that has no known stop_reason'],
    [{ ...hello, stop_reason: 'compaction' }, 'with an answer that has no known stop_reason'],
    [messageOf([textBlock('')]), 'with an empty answer'],
    [messageOf([textBlock('{"sluice_json_answer":"[1]"}')]), 'with an answer that is no JSON object'],
  ])('that is of no use is charged as the provider counted it', (body, problem) => {
    expect(() => toCompletion(body)).toThrow(
      expect.objectContaining({
        code: 'PROVIDER_BAD_RESPONSE',
        message: `claude answered 200 ${problem}`,
        details: { provider: 'claude', status: 200, billed: { usage: { input_tokens: 21, output_tokens: 6 } } },
      }),
    );
  });

  test.each([
    null,
    [],
    'x',
    {},
    { content: 'x' },
    { content: [{ type: 'text' }] },
    { content: [{ type: 'tool_use' }] },
  ])('%o is none', (body) => {
    expect(() => toCompletion(body)).toThrow('claude answered 200 with a body that is no message');
  });
});

const usageOf = (usage: unknown): Completion['usage'] => toCompletion({ ...hello, usage }).usage;

describe('usage', () => {
  test('a write to the cache that is not told apart is one for five minutes', () => {
    const usage = { ...USAGE, cache_creation_input_tokens: 300, cache_creation: null };
    expect(usageOf(usage)).toEqual({ input_tokens: 321, output_tokens: 6, cache_write_tokens: 300 });
  });

  test.each([
    undefined,
    null,
    'many',
    {},
    { input_tokens: 0, output_tokens: 0 },
    { input_tokens: '5', output_tokens: 1 },
  ])('%o is none', (usage) => {
    expect(usageOf(usage)).toEqual({ input_tokens: 0, output_tokens: 0, estimated: true });
  });

  test('nonsense in a detail does not cost the counts', () => {
    const nonsense = { cache_creation: 'x', output_tokens_details: { thinking_tokens: -1 }, service_tier: 5 };
    expect(usageOf({ ...USAGE, ...nonsense })).toEqual({ input_tokens: 21, output_tokens: 6 });
  });
});

const QUESTION = { model: MODEL, request: REQUEST };

describe('a stream', () => {
  const events = eventsOf(hello);
  const cut = { usage: { input_tokens: 21, output_tokens: 1 } };

  test('with an error in it charges what had been used by then', async () => {
    const upstream = await startStreamingUpstream([wireOf([...events.slice(0, 4), OVERLOADED])]);
    const error = await failureOf(complete(connect(upstream.url)));
    expect(error).toMatchObject({ code: 'PROVIDER_OVERLOADED', details: { billed: cut } });
    expect(JSON.stringify([error.message, error.details])).not.toContain(CANARY.prompt);
  });

  test('with an error and nothing else charges nothing', async () => {
    const upstream = await startStreamingUpstream([wireOf([OVERLOADED])]);
    const { code, details } = await failureOf(complete(connect(upstream.url)));
    expect(code).toBe('PROVIDER_OVERLOADED');
    expect(details.billed).toBeUndefined();
  });

  test.each(events.slice(1).map((_event, index) => index + 1))(
    'that ends after %i events is no answer, and is charged as far as it was told',
    async (count) => {
      const upstream = await startStreamingUpstream([wireOf(events.slice(0, count))]);
      const error = await failureOf(complete(connect(upstream.url)));
      expect(error.code).toBe('PROVIDER_BAD_RESPONSE');
      const isCounted = events.slice(0, count).some(({ type }) => type === 'message_delta');
      expect(error.details).toMatchObject({ billed: isCounted ? { usage: { output_tokens: 6 } } : cut });
    },
  );

  test.each([
    ['is not JSON', 'data: {\n\n', 'with an event that is not JSON'],
    ['is no piece', 'data: {"type":"content_block_delta"}\n\n', 'with an event that is no piece of a message'],
    [
      'goes on with nothing',
      'data: {"type":"content_block_delta","index":7,"delta":{"type":"text_delta","text":"x"}}\n\n',
      'with a piece of a block that had not begun',
    ],
  ])('with an event that %s is a bad response', async (_name, event, problem) => {
    const upstream = await startStreamingUpstream([wireOf(events.slice(0, 3)), event]);
    const error = await failureOf(complete(connect(upstream.url)));
    expect(error).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', details: { billed: cut } });
    expect(error.message).toContain(problem);
  });

  test('has pings and events of later times passed over', async () => {
    const odd = 'event: x\ndata: {"type":"news"}\n\nevent: ping\ndata: {"type": "ping"}\n\n';
    const upstream = await startStreamingUpstream([odd, wireOf(events.slice(0, 3)), odd, wireOf(events.slice(3)), odd]);
    await expect(complete(connect(upstream.url))).resolves.toMatchObject({ content: 'Hello there.' });
  });

  test('that was cut off within the input of a tool gives the input as it came', () => {
    const assembly = dialect.createAssembly(QUESTION);
    const half = { type: 'input_json_delta', partial_json: '{"city":"Par' };
    const call = eventsOf(messageOf([toolUse('toolu_1', 'look', {})], { stop_reason: 'max_tokens' }));
    const [start, ping, block, , ...rest] = call.filter(
      (event) => !('delta' in event && 'partial_json' in event.delta),
    );
    for (const event of [start, ping, block, { type: 'content_block_delta', index: 0, delta: half }, ...rest]) {
      assembly.add({ data: JSON.stringify(event) });
    }
    assembly.add({ data: '{"type":"message_stop"}' });
    expect(toCompletion(assembly.body())).toMatchObject({
      tool_calls: [{ function: { name: 'look', arguments: '{"city":"Par' } }],
    });
  });

  test('counts by the larger of what its beginning and its end say', () => {
    const assembly = dialect.createAssembly(QUESTION);
    for (const event of events) {
      const usage = { input_tokens: 0, output_tokens: 6, cache_read_input_tokens: null };
      assembly.add({ data: JSON.stringify(event.type === 'message_delta' ? { ...event, usage } : event) });
    }
    expect(toCompletion(assembly.body()).usage).toEqual({ input_tokens: 21, output_tokens: 6 });
  });
});

describe('anything', () => {
  const block = fc.oneof(
    fc.anything(),
    fc.record({ type: fc.constantFrom('text', 'tool_use', 'thinking'), text: fc.anything(), input: fc.anything() }),
  );

  test('is a completion with an answer in it, or one GatewayError', () => {
    const body = fc.record(
      {
        type: fc.constantFrom('message', 'error'),
        content: fc.oneof(fc.array(block), fc.anything()),
        stop_reason: fc.oneof(fc.constantFrom('end_turn', 'refusal', 'tool_use'), fc.anything()),
        usage: fc.anything(),
        error: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), body), (value) => {
        try {
          const { content, refusal, tool_calls: toolCalls } = toCompletion(value);
          expect(Boolean(content) || Boolean(refusal) || (toolCalls?.length ?? 0) > 0).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('as an event is taken, or is one GatewayError', () => {
    const type = fc.constantFrom(
      'message_start',
      'content_block_start',
      'content_block_delta',
      'message_delta',
      'error',
    );
    const event = fc.record(
      { type, index: fc.nat(2), message: fc.anything(), content_block: block, delta: block, usage: fc.anything() },
      { requiredKeys: ['type'] },
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(event, fc.constantFrom(...eventsOf(hello))), { maxLength: 12 }), (sequence) => {
        const assembly = dialect.createAssembly(QUESTION);
        try {
          for (const value of sequence) assembly.add({ data: JSON.stringify(value) });
          toCompletion(assembly.body());
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
