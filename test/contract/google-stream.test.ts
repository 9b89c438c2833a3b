import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import { createGoogleDialect } from '../../src/providers/google/dialect.ts';
import { putTogether, saidIn } from '../support/pieces.ts';
import { complete, connectProvider, failureOf, MODEL, REQUEST, startStreamingUpstream } from '../support/upstream.ts';
import { googleAnswer, googleStream, MODEL_ID, RESPONSE_ID } from './cases/google-wire.ts';
import { errorOf } from './google-error.ts';

const dialect = createGoogleDialect('upstream');
const QUESTION = { model: MODEL, request: REQUEST };

describe('a stream', () => {
  const piece = fc.oneof(
    fc.record({ text: fc.string(), thought: fc.constant(true) }),
    fc.record({ text: fc.string() }),
    fc.record({
      functionCall: fc.record({ name: fc.constant('look'), args: fc.dictionary(fc.string(), fc.string()) }),
    }),
  );

  test('comes to the answer that it would have been without streaming, whatever its pieces', () => {
    fc.assert(
      fc.property(fc.array(piece), fc.constantFrom('STOP', 'MAX_TOKENS', 'SAFETY', 'OTHER'), (parts, reason) => {
        const assembly = dialect.createAssembly(QUESTION);
        for (const part of parts) {
          assembly.add({ data: JSON.stringify(googleAnswer([part])) });
          expect(assembly.isComplete).toBe(false);
        }
        assembly.add({ data: JSON.stringify(googleAnswer([{ text: '' }], reason)) });
        expect(assembly.isComplete).toBe(true);
        const outcomes = [assembly.body(), googleAnswer(parts, reason)].map((body) => {
          try {
            return dialect.toCompletion(body, {});
          } catch (error) {
            return error;
          }
        });
        expect(outcomes[0]).toEqual(outcomes[1]);
      }),
    );
  });

  test('brings the text that is said, and nothing of what is thought', () => {
    const assembly = dialect.createAssembly(QUESTION);
    const add = (...parts: Parameters<typeof googleAnswer>[0]): AnswerPiece[] | undefined =>
      assembly.add({ data: JSON.stringify(googleAnswer(parts)) });
    expect(add({ text: 'Hm.', thought: true })).toEqual([]);
    expect(add({ text: 'Hel' }, { text: 'lo' })).toEqual([
      { kind: 'text', text: 'Hel' },
      { kind: 'text', text: 'lo' },
    ]);
    expect(add({ functionCall: { name: 'look' } })).toEqual([]);
    expect(add({ functionCall: { id: 'c1', name: 'look', args: { a: 1 } } })).toEqual([
      { kind: 'tool', index: 1, id: 'c1', name: 'look', arguments: '{"a":1}' },
    ]);
    expect(add()).toBeUndefined();
  });

  test('with calls that have no id has them told with those of the completion', async () => {
    const calls = [{ functionCall: { name: 'look' } }, { functionCall: { id: 'c1', name: 'see', args: { a: 1 } } }];
    const upstream = await startStreamingUpstream([
      googleStream(...calls.map((part) => googleAnswer([part])), googleAnswer([{ text: 'So.' }], 'STOP')),
    ]);
    const pieces: AnswerPiece[] = [];
    const provider = connectProvider(upstream.url, { kind: 'google' });
    const completion = await complete(provider, { onPiece: (piece) => pieces.push(piece) });
    expect(completion.tool_calls?.map(({ id }) => id)).toEqual([`call_${RESPONSE_ID}_0`, 'c1']);
    expect(putTogether(pieces)).toEqual(saidIn(completion));
  });

  test('that ends before the answer does is no answer, and costs what it has counted', async () => {
    const counted = { usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3 } };
    const upstream = await startStreamingUpstream([googleStream(googleAnswer([{ text: 'Hel' }], undefined, counted))]);
    const provider = connectProvider(upstream.url, { kind: 'google', stream: true });
    await expect(failureOf(complete(provider))).resolves.toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      details: { billed: { usage: { input_tokens: 9, output_tokens: 3 } } },
    });
  });

  test.each(['{"candidates":[', '[]', '{"candidates":"none"}'])('with %s in it is a bad answer', (data) => {
    expect(errorOf(() => dialect.createAssembly(QUESTION).add({ data })).code).toBe('PROVIDER_BAD_RESPONSE');
  });

  test('tells the model and the id of the answer', () => {
    const assembly = dialect.createAssembly(QUESTION);
    assembly.add({ data: JSON.stringify(googleAnswer([{ text: 'Hi.' }])) });
    assembly.add({ data: JSON.stringify({ candidates: [{ finishReason: 'STOP' }] }) });
    expect(dialect.toCompletion(assembly.body(), {})).toMatchObject({
      content: 'Hi.',
      response_id: RESPONSE_ID,
      served_model: MODEL_ID,
      usage: { input_tokens: 9, output_tokens: 28 },
    });
  });
});
