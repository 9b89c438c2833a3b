import type Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import { putTogether, saidIn } from '../support/pieces.ts';
import {
  complete,
  connectProvider,
  MODEL,
  REQUEST,
  startStreamingUpstream,
  type TestCall,
} from '../support/upstream.ts';
import { eventsOf, messageOf, textBlock, toolUse, wireOf } from './cases/anthropic-wire.ts';

/** The pieces of text that a streamed message is told in. */
async function piecesOf(message: Anthropic.Message, call: TestCall = {}): Promise<string[]> {
  const pieces: AnswerPiece[] = [];
  const upstream = await startStreamingUpstream([wireOf(eventsOf(message))]);
  const completion = await complete(connectProvider(upstream.url, { kind: 'anthropic' }), {
    ...call,
    onPiece: (piece) => pieces.push(piece),
  });
  expect(putTogether(pieces)).toEqual(saidIn(completion));
  return pieces.flatMap((piece) => (piece.kind === 'text' ? piece.text : []));
}

/** Asked of a model that cannot be bound to a schema, JSON is the input of a tool. */
const JSON_BY_TOOL: TestCall = {
  model: { ...MODEL, id: 'claude-3-5-haiku' },
  request: { ...REQUEST, parameters: { response_format: { type: 'json_object' } } },
};

describe('a stream', () => {
  test('tells its text in pieces', async () => {
    expect(await piecesOf(messageOf([textBlock('Hello there.')]))).toEqual(['Hello ', 'there.']);
  });

  test('tells JSON in its wrapping when it is whole, and as input in pieces', async () => {
    expect(await piecesOf(messageOf([textBlock('{"sluice_json_answer":"{\\"a\\":1}"}')]))).toEqual(['{"a":1}']);
    expect(await piecesOf(messageOf([textBlock('{"sluice":1}')]))).toEqual(['{"sluice":1}']);
    const input = toolUse('toolu_1', 'sluice_json_answer', { a: 1 });
    expect(await piecesOf(messageOf([input], { stop_reason: 'tool_use' }))).toEqual(['{"a"', ':1}']);
  });

  test('holds text back where JSON may come as the input of a tool, which is then all of the answer', async () => {
    const input = toolUse('toolu_1', 'sluice_json_answer', { a: 1 });
    const both = messageOf([textBlock('Here it is:'), input, input], { stop_reason: 'tool_use' });
    expect(await piecesOf(both, JSON_BY_TOOL)).toEqual(['{"a"', ':1}']);
    expect(await piecesOf(messageOf([textBlock('I would rather not.')]), JSON_BY_TOOL)).toEqual([
      'I would rather not.',
    ]);
  });

  test('takes JSON in its wrapping for that only where all of the text is', async () => {
    const blocks = [textBlock('It is '), textBlock('{"sluice_json_answer":"{}"}')];
    expect((await piecesOf(messageOf(blocks))).join('')).toBe('It is {"sluice_json_answer":"{}"}');
  });

  test('tells the input of a tool as it comes, with its white space, and one that never comes as an empty one', async () => {
    const calls = [toolUse('toolu_1', 'look', { a: 1 }), toolUse('toolu_2', 'see', {})];
    const all = eventsOf(messageOf(calls, { stop_reason: 'tool_use' }));
    const some = all.filter((event) => event.type !== 'content_block_delta' || event.index === 0);
    const upstream = await startStreamingUpstream([wireOf(some).replace('{\\"a\\"', '{ \\"a\\" ')]);
    const pieces: AnswerPiece[] = [];
    const completion = await complete(connectProvider(upstream.url, { kind: 'anthropic' }), {
      onPiece: (piece) => pieces.push(piece),
    });
    expect(completion.tool_calls).toMatchObject([
      { function: { arguments: '{ "a" :1}' } },
      { function: { arguments: '{}' } },
    ]);
    expect(putTogether(pieces)).toEqual(saidIn(completion));
  });
});
