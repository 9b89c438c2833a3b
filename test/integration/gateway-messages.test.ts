import Anthropic, { BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ApiKeyTerms } from '../../src/domain/api-key.ts';
import { createApiKeyStore } from '../../src/store/api-keys.ts';
import { useGateway } from '../support/gateway.ts';
import { COST, FORECAST, openMockGateway, WEATHER, WEATHER_SCHEMA } from '../support/mock-gateway.ts';

const open = useGateway();
const HELLO = 'Hello there, whoever you are.';
const ASKED = { model: 'small', max_tokens: 90, messages: [{ role: 'user' as const, content: 'Say hello.' }] };
const Forecast = z.object({ sky: z.string(), degrees: z.number() });
const USAGE = { input_tokens: 101, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, output_tokens: 11 };

const clientOf = (baseURL: string): Anthropic =>
  new Anthropic({ baseURL: baseURL.replace(/\/v1$/, ''), apiKey: 'none', maxRetries: 0 });

describe('the Messages API', () => {
  test('answers, whatever marks for a cache there are', async () => {
    const { baseURL, bill, mock } = await openMockGateway(open);
    const system = [{ type: 'text' as const, text: 'Be kind.', cache_control: { type: 'ephemeral' as const } }];
    const headers = { 'anthropic-beta': 'context-management-2025-06-27' };
    const message = await clientOf(baseURL).messages.create({ ...ASKED, system }, { headers });
    expect(message).toMatchObject({
      id: expect.stringMatching(/^msg_/) as unknown,
      type: 'message',
      model: 'vendor/small-1',
      content: [{ type: 'text', text: HELLO }],
      stop_reason: 'end_turn',
      usage: { ...USAGE, cost: COST },
    });
    expect(message._request_id).toBeDefined();
    expect(mock.getLastRequest()?.body).toMatchObject({
      messages: [{ role: 'system' }, { role: 'user', content: 'Say hello.' }],
    });
    expect(await bill()).toEqual([{ model: 'small', outcome: 'completed', cost_nanos: 145_000 }]);
  });

  test('streams an answer, which is put together by the client', async () => {
    const { baseURL } = await openMockGateway(open);
    const stream = clientOf(baseURL).messages.stream(ASKED);
    const deltas: string[] = [];
    stream.on('text', (delta) => deltas.push(delta));
    expect(await stream.finalMessage()).toMatchObject({
      content: [{ type: 'text', text: HELLO }],
      stop_reason: 'end_turn',
      usage: USAGE,
    });
    expect(deltas.join('')).toBe(HELLO);
  });

  test.each([false, true])('has tools run, and hears what they say; streamed: %s', async (stream) => {
    const { baseURL, mock } = await openMockGateway(open);
    const asked: unknown[] = [];
    const runner = clientOf(baseURL).beta.messages.toolRunner({
      model: 'small',
      max_tokens: 90,
      messages: [{ role: 'user', content: 'How is the weather in Oslo?' }],
      stream,
      tools: [
        betaTool({
          name: 'weather',
          description: 'Tells the weather.',
          inputSchema: WEATHER_SCHEMA,
          run: (input) => {
            asked.push(input);
            return JSON.stringify(FORECAST);
          },
        }),
      ],
    });
    const message = await runner.runUntilDone();
    expect(message.content).toMatchObject([{ type: 'text', text: 'It rains in Oslo, at 7 degrees.' }]);
    expect(asked).toEqual([WEATHER]);
    expect(mock.getLastRequest()?.body).toMatchObject({
      messages: [
        { role: 'user' },
        { role: 'assistant', tool_calls: [{ id: 'call_1', function: { name: 'weather' } }] },
        { role: 'tool', tool_call_id: 'call_1', content: JSON.stringify(FORECAST) },
      ],
    });
  });

  test('keeps to a JSON schema', async () => {
    const { baseURL } = await openMockGateway(open);
    const request = { ...ASKED, output_config: { format: zodOutputFormat(Forecast) } };
    const { messages } = clientOf(baseURL);
    expect((await messages.parse(request)).parsed_output).toEqual(FORECAST);
    expect((await messages.stream(request).finalMessage()).parsed_output).toEqual(FORECAST);
  });

  test('estimates what a prompt has, and asks nobody', async () => {
    const { baseURL, bill, mock } = await openMockGateway(open);
    const { max_tokens: _most, ...prompt } = ASKED;
    const { input_tokens: tokens } = await clientOf(baseURL).messages.countTokens(prompt);
    expect(tokens).toBeGreaterThan(3);
    expect(mock.getLastRequest()).toBeFalsy();
    expect(await bill()).toEqual([]);
  });

  test('counts an estimate among the requests of its key', async () => {
    const limits = { per_key: { requests_per_minute: 2 } };
    const gateway = { allowAnonymous: false };
    const { post, redis, keys } = await open({ workers: false, gateway, config: { gateway: { limits } } });
    const { secret } = await createApiKeyStore(redis, keys).create(ApiKeyTerms.parse({ name: 'shop' }));
    const headers = { 'x-api-key': secret };
    const statuses: number[] = [];
    for (let time = 0; time < 3; time += 1) {
      statuses.push((await post('/v1/messages/count_tokens', ASKED, { headers })).status);
    }
    expect(statuses).toEqual([200, 200, 429]);
  });

  test('says in its own words what is wrong, and enqueues nothing', async () => {
    const { baseURL, bill, post } = await openMockGateway(open);
    const { messages } = clientOf(baseURL);
    const document = { type: 'document' as const, source: { type: 'url' as const, url: 'https://example.com/a.pdf' } };
    const refused = messages.create({ ...ASKED, messages: [{ role: 'user', content: [document] }] });
    await expect(refused).rejects.toThrow(BadRequestError);
    await expect(refused).rejects.toThrow(/messages\[0\].content\[0\].type: expected text/);
    await expect(messages.create({ ...ASKED, model: 'huge' })).rejects.toThrow(NotFoundError);
    const answer = await post('/v1/messages', '{');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'the body is not valid JSON' },
      request_id: answer.headers.get('x-request-id'),
    });
    expect((await post('/v1/messages/count_tokens', [])).status).toBe(400);
    expect(await bill()).toEqual([]);
  });
});
