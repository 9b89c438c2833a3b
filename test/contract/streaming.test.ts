import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import { createEventReader, EventTooLarge, type ServerSentEvent } from '../../src/providers/transport/event-stream.ts';
import { type ChunkConsumer, createHttpClient } from '../../src/providers/transport/http.ts';
import {
  answer,
  CANARY,
  chatCompletion,
  complete,
  connectProvider,
  failureOf,
  startFixedUpstream,
  startStreamingUpstream,
  startTcp,
  startUpstream,
} from '../support/upstream.ts';
import { chatStream, eventsOf, USAGE } from './cases/chat-wire.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
function eventsIn(chunks: readonly Uint8Array[], maxCharacters?: number): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const reader = createEventReader((event) => events.push(event), maxCharacters);
  chunks.forEach((chunk) => reader.push(chunk));
  reader.end();
  return events;
}

describe('a stream of events', () => {
  test('is read as the format says', () => {
    const head = '\ufeff: hello\r\n\r\nevent: ping\ndata: a\ndata:b\n\nid: 7\nretry: 5\nnoise\ndata\n\n\n';
    expect(eventsIn([bytesOf(`${head}data: 👋\r\rdata: last`)])).toEqual([
      { event: 'ping', data: 'a\nb' },
      { data: '' },
      { data: '👋' },
      { data: 'last' },
    ]);
  });

  test('holds the same events wherever its bytes are cut', () => {
    const line = fc.oneof(
      fc.string({ unit: 'grapheme' }).map((text) => `data: ${text}`),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '', ': comment', 'event: delta', 'data: {"a":"ü👋"}', 'data: [DONE]', 'data', 'id: 1'),
    );
    const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 20 });
    const cuts = fc.array(fc.nat(), { maxLength: 20 });
    fc.assert(
      fc.property(stream, cuts, (lines, positions) => {
        const bytes = bytesOf(lines.flat().join(''));
        const edges = [0, ...positions.map((at) => at % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
        const chunks = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
        expect(eventsIn(chunks)).toEqual(eventsIn([bytes]));
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    ['one line', [`data: ${'x'.repeat(2_000)}\n\n`]],
    ['one line in many pieces', ['data: ', ...Array.from({ length: 100 }, () => 'x'.repeat(20))]],
    ['many lines', Array.from({ length: 100 }, () => `data: ${'x'.repeat(20)}\n`)],
    ['a name', [`event: ${'x'.repeat(2_000)}`]],
  ])('may hold no event that is larger than allowed: %s', (_what, pieces) => {
    expect(() => eventsIn(pieces.map(bytesOf), 1_000)).toThrow(EventTooLarge);
    expect(eventsIn(pieces.map(bytesOf), 10_000).length).toBeLessThan(2);
  });

  test('may hold any number of small ones, and comments of any size', () => {
    const small = eventsIn(
      Array.from({ length: 200 }, () => bytesOf('data: x\n\n')),
      100,
    );
    expect(small).toHaveLength(200);
    expect(eventsIn([bytesOf(`: ${'x'.repeat(500)}`), bytesOf('x'.repeat(500)), bytesOf('\n\n')], 100)).toEqual([]);
  });
});

const HELLO = chatStream([{ content: 'Hel' }, { content: 'lo' }]);

describe('a streamed call', () => {
  test('asks for a stream with usage, and tells each piece as it comes', async () => {
    const upstream = await startStreamingUpstream([HELLO]);
    const pieces: AnswerPiece[] = [];
    const { completion, firstTokenMs } = await answer(connectProvider(upstream.url), {
      onPiece: (piece) => pieces.push(piece),
    });
    expect(JSON.parse(upstream.received[0]?.body ?? '')).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(pieces).toEqual([
      { kind: 'text', text: 'Hel' },
      { kind: 'text', text: 'lo' },
    ]);
    expect(completion).toMatchObject({ content: 'Hello', usage: { input_tokens: 12, output_tokens: 3 } });
    expect(firstTokenMs).toBeGreaterThan(0);
  });

  test('is none unless somebody wants it', async () => {
    const upstream = await startFixedUpstream(200, chatCompletion());
    expect(await answer(connectProvider(upstream.url))).not.toHaveProperty('firstTokenMs');
    expect(JSON.parse(upstream.received[0]?.body ?? '')).not.toHaveProperty('stream');
  });

  test('counts the time to the first piece, not to the head of the answer or to a thought', async () => {
    const upstream = await startUpstream(async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(
        chatStream([{ content: '', reasoning: 'Hm.' }])
          .split('\n\n', 2)
          .join('\n\n') + '\n\n',
      );
      await new Promise((resolve) => setTimeout(resolve, 60));
      response.end(HELLO);
    });
    const { firstTokenMs } = await answer(connectProvider(upstream.url, { stream: true }));
    expect(firstTokenMs).toBeGreaterThanOrEqual(59);
  });

  test('takes a refusal that comes as plain JSON for what it is', async () => {
    const body = { error: { code: 'rate_limit_exceeded' } };
    const upstream = await startFixedUpstream(429, body, { 'retry-after': '7' });
    expect(await failureOf(complete(connectProvider(upstream.url, { stream: true })))).toMatchObject({
      code: 'PROVIDER_RATE_LIMITED',
      details: { status: 429, retryAfterMs: 7_000 },
    });
    const mislabelled = await startFixedUpstream(
      429,
      { error: { code: 'insufficient_quota' } },
      { 'content-type': 'text/event-stream' },
    );
    expect(await failureOf(complete(connectProvider(mislabelled.url, { stream: true })))).toMatchObject({
      code: 'PROVIDER_QUOTA',
      details: { status: 429 },
    });
  });

  test('does not mind what a stream calls itself, unless it is JSON or a page', async () => {
    for (const type of ['text/event-stream; charset=utf-8', 'text/plain', 'application/octet-stream']) {
      const upstream = await startStreamingUpstream([HELLO], { 'content-type': type });
      await expect(complete(connectProvider(upstream.url, { stream: true }))).resolves.toMatchObject({
        content: 'Hello',
      });
    }
    const page = await startFixedUpstream(200, '<!doctype html>', { 'content-type': 'text/html' });
    expect((await failureOf(complete(connectProvider(page.url, { stream: true })))).message).toBe(
      'upstream answered 200 with a body that is not JSON',
    );
  });
});

const delta = (content: string, more: object = {}): Record<string, unknown> => ({
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
  ...more,
});
const billed = { usage: { input_tokens: 12, output_tokens: 3 } };

describe('a stream that is no whole answer', () => {
  const cut = HELLO.slice(0, HELLO.indexOf('"finish_reason":"stop"'));
  const withoutUsage = chatStream([{ content: 'Hello' }], 'stop', { usage: null }).replace('data: [DONE]\n\n', '');

  test.each<[string, string, string]>([
    ['of nothing', '', 'with a stream that ended before the answer did'],
    ['of comments', ': PROCESSING\n\n'.repeat(9), 'with a stream that ended before the answer did'],
    [
      'that ends between two events',
      eventsOf([delta(CANARY.answer)]),
      'with a stream that ended before the answer did',
    ],
    ['that ends in the middle of an event', cut, 'with an event that is not JSON'],
    [
      'with a finish reason, but neither usage nor an end',
      withoutUsage,
      'with a stream that ended before the answer did',
    ],
    ['of no JSON', 'data: hello\n\n', 'with an event that is not JSON'],
    ['of other JSON', 'data: {"choices":7}\n\n', 'with an event that is no part of a chat completion'],
    ['of one huge event', `data: ${'x'.repeat(5_000_000)}`, 'with an event that is too large'],
    ['that ends without a word', 'data: [DONE]\n\n', 'without choices'],
  ])('%s is a bad response, and may be billed', async (_what, stream, problem) => {
    const upstream = await startStreamingUpstream([stream]);
    const error = await failureOf(complete(connectProvider(upstream.url, { stream: true })));
    expect(error).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      message: `upstream answered 200 ${problem}`,
      details: { provider: 'upstream', status: 200, billUnknown: true },
    });
  });

  test.each<[string, (Record<string, unknown> | string)[], string]>([
    ['that ended too early', [delta('He', { usage: USAGE })], 'PROVIDER_BAD_RESPONSE'],
    ['that broke into noise', [delta('He', { usage: USAGE }), '}{'], 'PROVIDER_BAD_RESPONSE'],
    [
      'with an error in the middle',
      [delta('He', { usage: USAGE }), { error: { code: 502, message: CANARY.prompt } }],
      'PROVIDER_FAILED',
    ],
    ['without a finish reason', [delta('He'), { choices: [], usage: USAGE }, '[DONE]'], 'PROVIDER_BAD_RESPONSE'],
  ])('%s costs what it has told by then', async (_what, events, code) => {
    const upstream = await startStreamingUpstream([eventsOf(events)]);
    const error = await failureOf(complete(connectProvider(upstream.url, { stream: true })));
    expect(error).toMatchObject({ code, details: { billed } });
    expect(error.details.billUnknown).toBeUndefined();
    expect(error.message).not.toContain(CANARY.prompt);
  });

  test('with an error in it ends the call at once, and lets the connection go', async () => {
    const closed = Promise.withResolvers<void>();
    const upstream = await startUpstream((response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(eventsOf([delta('He'), { error: { code: 'rate_limit_exceeded' } }]));
    });
    const error = await failureOf(complete(connectProvider(upstream.url, { stream: true })));
    expect(error.code).toBe('PROVIDER_RATE_LIMITED');
    await closed.promise;
  });

  test('since the connection broke has an unknown bill, whatever it told', async () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n';
    const url = await startTcp((socket) =>
      socket.once('data', () => socket.end(head + eventsOf([delta('He', { usage: USAGE })]))),
    );
    const error = await failureOf(complete(connectProvider(url, { stream: true })));
    expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', details: { billUnknown: true } });
  });

  test('for the total deadline has passed is a timeout, also when it drips all the while', async () => {
    const upstream = await startUpstream((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const drip = setInterval(() => response.write('data: {"choices":[]}\n\n'), 10);
      response.on('close', () => clearInterval(drip));
    });
    const error = await failureOf(complete(connectProvider(upstream.url, { stream: true }), { timeoutMs: 120 }));
    expect(error).toMatchObject({
      code: 'PROVIDER_TIMEOUT',
      message: 'upstream: no complete answer within 120 ms',
      details: { billUnknown: true },
    });
  });
});

async function callClient(url: string, consume: ChunkConsumer, timeoutMs = 5_000): Promise<unknown> {
  const options = { origin: url, allowPrivate: true, connections: 1, maxResponseBytes: 10_000, streamIdleMs: 80 };
  const client = createHttpClient(options);
  onTestFinished(() => client.close());
  const call = { method: 'POST' as const, path: '/', headers: {}, body: '{}', timeoutMs };
  return client.call({ ...call, receive: () => consume }).catch((error: unknown) => error);
}

describe('a stream that stands still', () => {
  test('is given up long before the total deadline', async () => {
    const upstream = await startUpstream((response) => void response.writeHead(200).write('data: 1\n\n'));
    const startedAt = performance.now();
    expect(await callClient(upstream.url, () => false)).toMatchObject({
      name: 'DeadlinePassed',
      message: 'its answer stood still for 80 ms',
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test('is not given up while it moves, be it by a byte', async () => {
    const upstream = await startUpstream((response) => {
      let count = 0;
      const drip = setInterval(() => {
        count += 1;
        if (count === 12) response.end();
        else response.write('x');
      }, 20);
      response.on('close', () => clearInterval(drip));
    });
    expect(await callClient(upstream.url, () => false)).toMatchObject({ status: 200 });
  });

  test('may think for as long as it likes before it begins', async () => {
    const upstream = await startUpstream((response) => {
      response.writeHead(200).flushHeaders();
      setTimeout(() => response.end('x'), 250);
    });
    expect(await callClient(upstream.url, () => false)).toMatchObject({ status: 200 });
  });

  test('once all has come is a good answer, though its server never closes it', async () => {
    const upstream = await startUpstream((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(HELLO);
    });
    const startedAt = performance.now();
    const asking = complete(connectProvider(upstream.url, { stream: true, timeout: '30s' }));
    await expect(asking).resolves.toMatchObject({ content: 'Hello' });
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  test('once all has come is a good answer, though its connection breaks', async () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n';
    const url = await startTcp((socket) => socket.once('data', () => socket.end(head + HELLO)));
    await expect(complete(connectProvider(url, { stream: true }))).resolves.toMatchObject({ content: 'Hello' });
  });
});
