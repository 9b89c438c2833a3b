import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import * as fc from 'fast-check';
import { OpenAI } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import type { CompletedResult } from '../../src/domain/result.ts';
import { ApiError } from '../../src/gateway/api-error.ts';
import type { AnswerContext, AnswerStream } from '../../src/gateway/face.ts';
import { messagesFace } from '../../src/gateway/messages/face.ts';
import { responsesFace } from '../../src/gateway/responses/face.ts';
import { anyCompletion, callOf, completedWith, cutUp } from '../support/answers.ts';

/** What our streams write, put together again by the official clients: it must be the answer that is sent in one piece. */

const RUNS = { numRuns: 40 };
const cuts = fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 6 });

let server: Server;
let served: { type: string; text: string };
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': served.type }).end(served.text);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  openai = new OpenAI({ apiKey: 'sk-none', baseURL: `${url}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: 'sk-none', baseURL: url, maxRetries: 0 });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function serveEvents(stream: AnswerStream, pieces: readonly AnswerPiece[], ending: CompletedResult | ApiError): string {
  const begun = stream.start('gpt-5-mini') + pieces.map((piece) => stream.piece(piece)).join('');
  const text = begun + (ending instanceof ApiError ? stream.fail(ending, 'req_1') : stream.end(ending));
  served = { type: 'text/event-stream', text };
  return text;
}

function serveJson(body: object): void {
  served = { type: 'application/json', text: JSON.stringify(body) };
}

const FAILURE = new ApiError(502, 'api_error', 'all models failed', { code: 'all_models_failed' });

describe('a response', () => {
  const context: AnswerContext = { id: 'resp_1', created: 1_700_000_000, askedModel: 'mini' };
  const asked = { model: 'mini', input: 'Hello.', temperature: 0.5, metadata: { a: 'b' } };
  const read = responsesFace.read(asked);
  if (!read.ok) throw new Error('the request of this test is wrong');
  const { body } = read;

  it('is the same streamed, wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(anyCompletion, cuts, async (completion, cutting) => {
        const result = completedWith(completion);
        serveJson(responsesFace.toAnswer(result, body, context));
        const whole = await openai.responses.create(asked);
        serveEvents(responsesFace.createStream(body, context), cutUp(completion, cutting), result);
        const { output_parsed: _parsed, ...streamed } = await openai.responses.stream(asked).finalResponse();
        expect(JSON.parse(JSON.stringify(streamed, withoutParsed))).toEqual({
          ...JSON.parse(JSON.stringify(whole)),
          // Told by the client itself.
          output_text: streamed.output_text,
        });
        expect(streamed.output_text).toBe(completion.content ?? '');
      }),
      RUNS,
    );
  });

  it('has numbered events that name themselves, and their deltas are its texts', async () => {
    const completion = { content: 'Hi there', tool_calls: [callOf('look', '{"at":"it"}')] };
    serveEvents(responsesFace.createStream(body, context), cutUp(completion, [2]), completedWith(completion));
    const types: string[] = [];
    let text = '';
    let given = '';
    for await (const event of await openai.responses.create({ ...asked, stream: true })) {
      expect(event.sequence_number).toBe(types.length);
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.function_call_arguments.delta') given += event.delta;
      types.push(event.type);
    }
    expect([text, given]).toEqual(['Hi there', '{"at":"it"}']);
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
  });

  it('that breaks off is an error for the client, and has failed for who reads the events', async () => {
    const text = serveEvents(responsesFace.createStream(body, context), [{ kind: 'text', text: 'Hi' }], FAILURE);
    await expect(openai.responses.stream(asked).finalResponse()).rejects.toThrow(/all models failed/);
    const types: string[] = [];
    await expect(async () => {
      for await (const event of await openai.responses.create({ ...asked, stream: true })) types.push(event.type);
    }).rejects.toThrow(/all models failed/);
    expect(types).toContain('response.failed');
    expect(text).toContain('"code":"server_error"');
    expect(responsesFace.createStream(body, context).fail(FAILURE, 'req_1')).not.toContain('response.failed');
  });
});

/** The client adds what it read out of texts and arguments. */
function withoutParsed(name: string, value: unknown): unknown {
  return name === 'parsed' || name === 'parsed_arguments' ? undefined : value;
}

describe('a message', () => {
  const context: AnswerContext = { id: 'msg_1', created: 1_700_000_000, askedModel: 'mini' };
  const asked = { model: 'mini', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hello.' }] };

  it('is the same streamed, wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(anyCompletion, cuts, async (completion, cutting) => {
        const result = completedWith(completion);
        serveJson(messagesFace.toAnswer(result, undefined, context));
        const whole = JSON.parse(JSON.stringify(await anthropic.messages.create(asked)));
        serveEvents(messagesFace.createStream(undefined, context), cutUp(completion, cutting), result);
        const streamed = JSON.parse(JSON.stringify(await anthropic.messages.stream(asked).finalMessage()));
        // The client keeps of the usage at the end what it knows.
        const { cost: _cost, cache_creation: _creation, ...usage } = whole.usage;
        expect(streamed).toEqual({
          ...whole,
          model: 'gpt-5-mini',
          usage: { ...usage, cache_creation: null },
          parsed_output: streamed.parsed_output,
        });
      }),
      RUNS,
    );
  });

  it('has its blocks one upon the other, and what it cost at the end', async () => {
    const completion = { content: 'Hi there', tool_calls: [callOf('look', '{}'), callOf('see', 'now')] };
    const pieces = cutUp(completion, [1]);
    const text = serveEvents(messagesFace.createStream(undefined, context), pieces, completedWith(completion));
    const events = [...text.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)].map(([, type, data]) => {
      const parsed = JSON.parse(data ?? '');
      expect(parsed.type).toBe(type);
      return parsed;
    });
    const shown = events.map(({ type, index }) => (index === undefined ? type : `${type} ${index}`));
    expect(shown.filter((event, place) => event !== 'ping' && event !== shown[place - 1])).toEqual([
      'message_start',
      'content_block_start 0',
      'content_block_delta 0',
      'content_block_stop 0',
      ...[1, 2].flatMap((index) => ['start', 'delta', 'stop'].map((step) => `content_block_${step} ${index}`)),
      'message_delta',
      'message_stop',
    ]);
    expect(events.find(({ type }) => type === 'message_delta')?.usage).toMatchObject({
      input_tokens: 55,
      cost: 0.0015,
    });
  });

  it('that breaks off is an error for the client', async () => {
    const text = serveEvents(messagesFace.createStream(undefined, context), [{ kind: 'text', text: 'Hi' }], FAILURE);
    expect(text).toContain('"request_id":"req_1"');
    await expect(anthropic.messages.stream(asked).finalMessage()).rejects.toThrow(/all models failed/);
  });
});
