import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import type { ErrorDetails } from '../../src/domain/errors.ts';
import type { ModelSpec } from '../../src/domain/model.ts';
import type { ChatRequest } from '../../src/domain/request.ts';
import type { CallOptions } from '../../src/providers/provider.ts';
import { createChatAssembly } from '../../src/providers/chat/stream.ts';
import { toChatCompletion } from '../../src/providers/chat/answer.ts';
import { createToldAnswer } from '../../src/providers/transport/told-answer.ts';
import { putTogether, saidIn } from '../support/pieces.ts';
import {
  chatCompletion,
  complete,
  connectProvider,
  failureOf,
  MODEL,
  REQUEST,
  startFixedUpstream,
  startUpstream,
} from '../support/upstream.ts';
import { eventsOf as messageEvents, messageOf, textBlock, toolUse, wireOf } from './cases/anthropic-wire.ts';
import { chatStream, eventsOf } from './cases/chat-wire.ts';
import { googleAnswer, googleStream } from './cases/google-wire.ts';

describe('pieces of a chat completion', () => {
  const functionPiece = fc.record(
    { name: fc.constantFrom('look', 'see'), arguments: fc.oneof(fc.constantFrom('', '{"a"', ':1}'), fc.constant({})) },
    { requiredKeys: [] },
  );
  const toolPiece = fc.record(
    { index: fc.nat(2), id: fc.constantFrom('call_a', 'call_b', ''), function: functionPiece },
    { requiredKeys: [] },
  );
  const delta = fc.record(
    {
      content: fc.constantFrom('', 'Hello', [{ type: 'text', text: 'you' }]),
      refusal: fc.constantFrom('', 'No'),
      tool_calls: fc.array(toolPiece, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  );

  test('are the completion, however a server sends its calls, with ids late, in part or never', () => {
    fc.assert(
      fc.property(fc.array(delta, { maxLength: 12 }), (deltas) => {
        const assembly = createChatAssembly('upstream', { model: MODEL, request: REQUEST });
        const pieces: AnswerPiece[] = [];
        const told = createToldAnswer((piece) => pieces.push(piece));
        const chunks = deltas.map((each) => ({ id: 'chatcmpl-1', choices: [{ index: 0, delta: each }] }));
        for (const chunk of [...chunks, { choices: [{ index: 0, delta: { content: '.' }, finish_reason: 'stop' }] }]) {
          for (const piece of assembly.add({ data: JSON.stringify(chunk) }) ?? []) told.tell(piece);
        }
        const completion = toChatCompletion('upstream', assembly.body(), undefined);
        told.tellRest(completion);
        expect(putTogether(pieces)).toEqual(saidIn(completion));
      }),
      { numRuns: 200 },
    );
  });

  test('of a server that does not stream are told all the same', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } };
    const message = { role: 'assistant', content: 'four', tool_calls: [call] };
    const upstream = await startFixedUpstream(
      200,
      chatCompletion({ choices: [{ index: 0, message, finish_reason: 'tool_calls' }] }),
    );
    const pieces: AnswerPiece[] = [];
    await complete(connectProvider(upstream.url), { onPiece: (piece) => pieces.push(piece) });
    expect(pieces).toEqual([
      { kind: 'text', text: 'four' },
      { kind: 'tool', index: 0, id: 'call_1', name: 'look', arguments: '{}' },
    ]);
  });
});

type Broken = { stream: string; config?: Record<string, unknown>; model?: ModelSpec; request?: ChatRequest };

const estimate: NonNullable<CallOptions['estimate']> = { inputTokens: 40, tokensOf: (text) => text.length };
const THINKER: ModelSpec = { ...MODEL, capabilities: new Set(['reasoning']) };

/** The details of the error when a call is broken off: at the first piece of a stream, or when nothing more comes. */
async function billOf(
  { stream, config = {}, ...call }: Broken,
  at: 'first piece' | 'standstill',
  options: Partial<CallOptions> = { estimate },
): Promise<ErrorDetails> {
  const stopping = new AbortController();
  const upstream = await startUpstream((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(stream);
    if (at === 'standstill') setTimeout(() => stopping.abort(), 30);
  });
  const provider = connectProvider(upstream.url, { stream: true, ...config });
  const onPiece = (): void => (at === 'first piece' ? stopping.abort(new Error('the client is gone')) : undefined);
  return (await failureOf(complete(provider, { ...call, ...options, onPiece, signal: stopping.signal }))).details;
}

const delta = (fields: object): Record<string, unknown> => ({
  choices: [{ index: 0, delta: fields, finish_reason: null }],
});
const HELLO = eventsOf([delta({ content: 'Hello' })]);
const BEGINNING = messageEvents(messageOf([textBlock('Hello.'), toolUse('toolu_1', 'look', { a: 1 })])).slice(0, -3);

describe('a streamed call that is broken off', () => {
  test.each<[string, Broken, object]>([
    ['what had come, and our estimate of the prompt', { stream: HELLO }, { input_tokens: 40, output_tokens: 5 }],
    [
      'a call of a tool, too',
      {
        stream: eventsOf([
          delta({ tool_calls: [{ index: 0, id: 'c', function: { name: 'look', arguments: '{"a' } }] }),
        ]),
      },
      { input_tokens: 40, output_tokens: 7 },
    ],
    [
      'the prompt as it was told at the beginning',
      { stream: wireOf(BEGINNING), config: { kind: 'anthropic' } },
      { input_tokens: 21, output_tokens: 17 },
    ],
    [
      'thoughts that were counted',
      {
        stream: googleStream(
          googleAnswer([{ text: 'Hel' }], undefined, {
            usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 1, thoughtsTokenCount: 70 },
          }),
        ),
        config: { kind: 'google' },
        model: THINKER,
      },
      { input_tokens: 9, output_tokens: 73, reasoning_tokens: 70 },
    ],
    [
      'no more than it may have said',
      { stream: eventsOf([delta({ content: 'x'.repeat(500) })]) },
      { input_tokens: 40, output_tokens: 64 },
    ],
  ])('costs %s', async (_what, broken, usage) => {
    const details = await billOf(broken, 'first piece');
    expect(details.billed).toEqual({ usage: { ...usage, estimated: true } });
    expect(details).not.toHaveProperty('billUnknown');
  });

  test.each<[string, Broken]>([
    ['nothing has come', { stream: ': hello\n\n' }],
    ['only its beginning has come', { stream: wireOf(BEGINNING.slice(0, 3)), config: { kind: 'anthropic' } }],
    ['the model may have thought', { stream: HELLO, model: THINKER }],
    ['it was asked to think', { stream: HELLO, request: { ...REQUEST, parameters: { reasoning_effort: 'low' } } }],
    ['it has thought', { stream: eventsOf([delta({ reasoning_content: 'Hm.' })]) + HELLO }],
    [
      'it has thought, by the blocks',
      {
        stream: wireOf(
          messageEvents(messageOf([{ type: 'thinking', thinking: 'Hm.', signature: '' }, textBlock('Hello.')])).slice(
            0,
            -3,
          ),
        ),
        config: { kind: 'anthropic' },
      },
    ],
  ])('has an unknown bill when %s', async (_what, broken) => {
    const details = await billOf(broken, 'standstill');
    expect(details).toMatchObject({ billUnknown: true });
    expect(details).not.toHaveProperty('billed');
  });

  test('has an unknown bill when nobody has an estimate', async () => {
    expect(await billOf({ stream: HELLO }, 'first piece', {})).toMatchObject({ billUnknown: true });
  });

  test('after its whole answer has come is one that was answered', async () => {
    const stopping = new AbortController();
    const upstream = await startUpstream((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chatStream([{ content: 'Hello' }]));
      setTimeout(() => stopping.abort(), 30);
    });
    const provider = connectProvider(upstream.url, { stream: true });
    await expect(complete(provider, { estimate, signal: stopping.signal })).resolves.toMatchObject({
      content: 'Hello',
    });
  });
});
