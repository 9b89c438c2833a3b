import { LLMock } from '@copilotkit/aimock';
import { expect, onTestFinished, test } from 'vitest';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import type { Provider } from '../../src/providers/index.ts';
import type { ChatRequest } from '../../src/domain/request.ts';
import { putTogether, saidIn } from '../support/pieces.ts';
import { answer, complete, connectProvider, failureOf } from '../support/upstream.ts';

/** An upstream that others wrote: what our own servers and our provider agree on wrongly, it does not. */
async function startMock(
  basePath = '/v1',
  config: Parameters<typeof connectProvider>[1] = {},
): Promise<{ mock: LLMock; provider: Provider }> {
  const mock = new LLMock({ port: 0, logLevel: 'silent' });
  await mock.start();
  onTestFinished(() => mock.stop());
  return { mock, provider: connectProvider(`${mock.url}${basePath}`, config) };
}

const ask = (content: string, parameters: ChatRequest['parameters'] = {}): { request: ChatRequest } => ({
  request: { messages: [{ role: 'user', content }], maxTokens: 50, parameters },
});

test('text and usage arrive, and the mock counts the calls that we made', async () => {
  const { mock, provider } = await startMock();
  mock.onMessage('capital of France', {
    content: 'Paris',
    usage: { prompt_tokens: 14, completion_tokens: 2, total_tokens: 16 },
  });
  const completion = await complete(provider, ask('What is the capital of France?', { temperature: 0 }));
  expect(completion).toMatchObject({
    content: 'Paris',
    finish_reason: 'stop',
    usage: { input_tokens: 14, output_tokens: 2 },
    served_model: 'vendor/small-1',
  });
  expect(mock.getRequests()).toHaveLength(1);
  expect(mock.getLastRequest()).toMatchObject({ method: 'POST', path: '/v1/chat/completions' });
});

test('tool calls arrive', async () => {
  const { mock, provider } = await startMock();
  mock.onMessage('weather', { toolCalls: [{ name: 'get_weather', arguments: '{"city":"Oslo"}' }] });
  const tools: ChatRequest['parameters']['tools'] = [
    { type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } },
  ];
  const completion = await complete(provider, ask('What is the weather in Oslo?', { tools }));
  expect(completion).toMatchObject({
    finish_reason: 'tool_calls',
    tool_calls: [{ type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } }],
  });
});

test('a stream comes to the same answer, piece by piece', async () => {
  const { mock, provider } = await startMock('/v1', { stream: true });
  const usage = { prompt_tokens: 14, completion_tokens: 9, total_tokens: 23 };
  const content = 'The capital of France is Paris, where 👋 is said.';
  mock.onMessage('capital of France', { content, usage }, { chunkSize: 3 });
  mock.onMessage('weather', { toolCalls: [{ name: 'get_weather', arguments: '{"city":"Oslo"}' }], usage });
  const pieces: AnswerPiece[] = [];
  const told = await answer(provider, {
    ...ask('What is the capital of France?'),
    onPiece: (piece) => pieces.push(piece),
  });
  expect(told.completion).toMatchObject({ content, usage: { input_tokens: 14, output_tokens: 9 } });
  expect(pieces.length).toBeGreaterThan(5);
  expect(putTogether(pieces)).toEqual({ content });
  pieces.length = 0;
  expect(told.firstTokenMs).toBeGreaterThan(0);
  const call = { ...ask('What is the weather in Oslo?'), onPiece: (piece: AnswerPiece) => pieces.push(piece) };
  const completion = await complete(provider, call);
  expect(completion).toMatchObject({
    content: null,
    finish_reason: 'tool_calls',
    tool_calls: [{ function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } }],
  });
  expect(putTogether(pieces)).toEqual(saidIn(completion));
});

test('a stream that is cut off is no answer', async () => {
  const { mock, provider } = await startMock('/v1', { stream: true });
  mock.addFixture({
    match: { userMessage: 'cut' },
    response: { content: 'one two three four five six' },
    chunkSize: 4,
    truncateAfterChunks: 3,
  });
  const error = await failureOf(complete(provider, ask('cut')));
  expect(['PROVIDER_UNREACHABLE', 'PROVIDER_BAD_RESPONSE']).toContain(error.code);
  expect(error.details.billUnknown).toBe(true);
});

test.each([false, true])('OpenRouter’s answers are understood (streamed: %s)', async (stream) => {
  const { mock, provider } = await startMock('/api/v1', { kind: 'openrouter', stream });
  mock.onMessage('hello', { content: 'Hi!', usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } });
  expect(await complete(provider, ask('hello'))).toMatchObject({
    content: 'Hi!',
    finish_reason: 'stop',
    usage: { input_tokens: 5, output_tokens: 2 },
  });
});

test.each([undefined, '2025-01-01-preview'])('Azure’s paths are found (version %s)', async (api_version) => {
  const { mock, provider } = await startMock('', { kind: 'azure', azure: { api_version } });
  mock.onMessage('hello', { content: 'Hi!' });
  expect(await complete(provider, ask('hello'))).toMatchObject({ content: 'Hi!' });
});

test('a 429 carries its wait, and is not repeated by us', async () => {
  const { mock, provider } = await startMock();
  mock.onMessage('busy', {
    error: { message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' },
    status: 429,
    retryAfter: 7,
  });
  const error = await failureOf(complete(provider, ask('busy')));
  expect(error).toMatchObject({ code: 'PROVIDER_RATE_LIMITED', details: { status: 429, retryAfterMs: 7_000 } });
  expect(mock.getRequests()).toHaveLength(1);
});

test('a 500 is a failure, and the next call may succeed', async () => {
  const { mock, provider } = await startMock();
  mock.addFixture({
    match: { userMessage: 'flaky', sequenceIndex: 0 },
    response: { error: { message: 'boom', type: 'server_error' }, status: 500 },
  });
  mock.addFixture({ match: { userMessage: 'flaky', sequenceIndex: 1 }, response: { content: 'fine' } });
  expect(await failureOf(complete(provider, ask('flaky')))).toMatchObject({
    code: 'PROVIDER_FAILED',
    details: { status: 500 },
  });
  await expect(complete(provider, ask('flaky'))).resolves.toMatchObject({ content: 'fine' });
  expect(mock.getRequests().map(({ response }) => response.status)).toEqual([500, 200]);
});

test('malformed JSON is a bad response and a dropped connection is unreachable; both may be billed', async () => {
  const { mock, provider } = await startMock();
  mock.addFixture({ match: { userMessage: 'garble' }, response: { content: 'x' }, chaos: { malformedRate: 1 } });
  mock.addFixture({ match: { userMessage: 'vanish' }, response: { content: 'x' }, chaos: { disconnectRate: 1 } });
  expect(await failureOf(complete(provider, ask('garble')))).toMatchObject({
    code: 'PROVIDER_BAD_RESPONSE',
    details: { billUnknown: true },
  });
  expect(await failureOf(complete(provider, ask('vanish')))).toMatchObject({
    code: 'PROVIDER_UNREACHABLE',
    details: { billUnknown: true },
  });
});

test('every call is in the journal once', async () => {
  const { mock, provider } = await startMock();
  mock.onMessage(/.*/, { content: 'ok' });
  await Promise.all(Array.from({ length: 25 }, (_, index) => complete(provider, ask(`question ${index}`))));
  expect(mock.getRequests()).toHaveLength(25);
});
