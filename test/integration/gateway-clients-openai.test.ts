import OpenAI, { NotFoundError, PermissionDeniedError } from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ApiKeyTerms } from '../../src/domain/api-key.ts';
import { createApiKeyStore } from '../../src/store/api-keys.ts';
import { useGateway } from '../support/gateway.ts';
import { COST, FORECAST, openMockGateway, TOLD_USAGE, WEATHER, WEATHER_SCHEMA } from '../support/mock-gateway.ts';

const open = useGateway();
const MESSAGES = [{ role: 'user' as const, content: 'Say hello.' }];
const Forecast = z.object({ sky: z.string(), degrees: z.number() });
const USAGE = { ...TOLD_USAGE, total_tokens: 112, cost: COST };
const HELLO = 'Hello there, whoever you are.';

const clientOf = (baseURL: string, apiKey = 'none'): OpenAI => new OpenAI({ baseURL, apiKey });

describe('the openai client', () => {
  test('streams an answer and puts it together by itself', async () => {
    const { baseURL, bill } = await openMockGateway(open);
    const stream = clientOf(baseURL).chat.completions.stream({
      model: 'small',
      messages: MESSAGES,
      stream_options: { include_usage: true },
    });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const whole = await stream.finalChatCompletion();
    expect(deltas.length).toBeGreaterThan(3);
    expect(deltas.join('')).toBe(HELLO);
    expect(whole).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/) as unknown,
      model: 'vendor/small-1',
      choices: [{ finish_reason: 'stop', message: { role: 'assistant', content: HELLO, refusal: null } }],
      usage: USAGE,
    });
    expect(await bill()).toEqual([{ model: 'small', outcome: 'completed', cost_nanos: 145_000 }]);
  });

  test.each([false, true])('lets tools be run, and tells the model what they say; streamed: %s', async (stream) => {
    const { baseURL, bill, mock } = await openMockGateway(open);
    const asked: unknown[] = [];
    const runner = clientOf(baseURL).chat.completions.runTools({
      model: 'small',
      messages: [{ role: 'user', content: 'How is the weather in Oslo?' }],
      stream: stream as true,
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'Tells the weather.',
            parameters: WEATHER_SCHEMA,
            parse: (text: string) => JSON.parse(text) as object,
            function: (input: object) => {
              asked.push(input);
              return FORECAST;
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It rains in Oslo, at 7 degrees.');
    expect(asked).toEqual([WEATHER]);
    expect(await bill()).toMatchObject([{ outcome: 'completed' }, { outcome: 'completed' }]);
    expect(mock.getLastRequest()?.body).toMatchObject({
      messages: [
        { role: 'user' },
        { role: 'assistant', tool_calls: [{ id: 'call_1', function: { name: 'weather' } }] },
        { role: 'tool', tool_call_id: 'call_1', content: JSON.stringify(FORECAST) },
      ],
    });
  });

  test('gets tool calls in pieces', async () => {
    const { baseURL } = await openMockGateway(open);
    const stream = clientOf(baseURL).chat.completions.stream({
      model: 'small',
      messages: MESSAGES,
      tools: [{ type: 'function', function: { name: 'weather', parameters: WEATHER_SCHEMA } }],
      tool_choice: 'required',
      parallel_tool_calls: false,
    });
    const deltas: string[] = [];
    stream.on('tool_calls.function.arguments.delta', ({ arguments_delta }) => deltas.push(arguments_delta));
    const { choices } = await stream.finalChatCompletion();
    expect(deltas.filter(Boolean).length).toBeGreaterThan(1);
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ id: 'call_1', type: 'function', function: { arguments: JSON.stringify(WEATHER) } }] },
    });
  });

  test('reads an answer that keeps to a JSON schema', async () => {
    const { baseURL } = await openMockGateway(open);
    const request = { model: 'small', messages: MESSAGES, response_format: zodResponseFormat(Forecast, 'forecast') };
    const client = clientOf(baseURL);
    const completion = await client.chat.completions.parse(request);
    expect(completion.choices[0]?.message.parsed).toEqual(FORECAST);
    expect(completion.usage).toMatchObject(USAGE);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    expect(streamed.choices[0]?.message.parsed).toEqual(FORECAST);
  });

  test('sends answers back with what it read in them', async () => {
    const { baseURL, mock } = await openMockGateway(open);
    const client = clientOf(baseURL);
    const tools = [zodFunction({ name: 'weather', parameters: z.object({ city: z.string() }) })];
    const asked = await client.chat.completions.parse({ model: 'small', messages: MESSAGES, tools });
    const [choice] = asked.choices;
    expect(choice?.message).toMatchObject({
      parsed: null,
      tool_calls: [{ function: { parsed_arguments: WEATHER } }],
    });
    const told = { role: 'tool' as const, tool_call_id: 'call_1', content: 'rain' };
    const history = [...MESSAGES, ...(choice ? [choice.message] : []), told];
    const { choices } = await client.chat.completions.create({ model: 'small', messages: history, tools });
    expect(choices[0]?.message.content).toBe('It rains in Oslo, at 7 degrees.');
    expect(JSON.stringify(mock.getLastRequest()?.body)).not.toContain('parsed');
  });

  test('lists the models, and retrieves each by the name that is listed', async () => {
    const { baseURL } = await open({
      workers: false,
      config: { tasks: { coding: {} } },
    });
    const client = clientOf(baseURL);
    const listed: string[] = [];
    for await (const model of client.models.list()) {
      listed.push(model.id);
      expect(await client.models.retrieve(model.id)).toEqual(expect.objectContaining({ ...model }));
    }
    expect(listed).toEqual(expect.arrayContaining(['small', 'sluice/auto', 'sluice/auto:cheap', 'sluice/task/coding']));
    await expect(client.models.retrieve('sluice/none')).rejects.toThrow(NotFoundError);
  });

  test('with a virtual key pays with the account of that key', async () => {
    const { baseURL, redis, keys, usage } = await open({ gateway: { allowAnonymous: false } });
    const terms = ApiKeyTerms.parse({ name: 'shop', account: 'team', models: ['medium'] });
    const { key, secret } = await createApiKeyStore(redis, keys).create(terms);
    const client = clientOf(baseURL, secret);
    await client.chat.completions.create({ model: 'sluice/auto', messages: MESSAGES, safety_identifier: 'ann' });
    expect(await usage()).toMatchObject([
      { outcome: 'completed', account: 'team', api_key: key.id, user: 'ann', model: 'medium' },
    ]);
    const refused = client.chat.completions.create({ model: 'small', messages: MESSAGES });
    await expect(refused).rejects.toMatchObject({ code: 'model_not_allowed' });
    await expect(refused).rejects.toThrow(PermissionDeniedError);
  });
});
