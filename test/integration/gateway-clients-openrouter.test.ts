import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { Output, generateText, isStepCount, streamText, tool } from 'ai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { useGateway } from '../support/gateway.ts';
import { collect, COST, FORECAST, openMockGateway, WEATHER } from '../support/mock-gateway.ts';

const open = useGateway();
const PROMPT = 'How is the weather in Oslo?';
const HELLO = 'Hello there, whoever you are.';
const RAIN = 'It rains in Oslo, at 7 degrees.';
const Forecast = z.object({ sky: z.string(), degrees: z.number() });
const ACCOUNTED = { openrouter: { usage: { promptTokens: 101, completionTokens: 11, totalTokens: 112, cost: COST } } };

const connect = (baseURL: string) => createOpenRouter({ baseURL, apiKey: 'none', compatibility: 'strict' });

/** Who answers. */
async function served(model: Parameters<typeof generateText>[0]['model']): Promise<string> {
  return (await generateText({ model, prompt: PROMPT })).response.modelId;
}

describe('OpenRouter’s provider of the AI SDK', () => {
  test('generates a text, and accounts for it', async () => {
    const { baseURL } = await openMockGateway(open);
    const { text, providerMetadata, response } = await generateText({
      model: connect(baseURL)('small', { usage: { include: true }, user: 'ann' }),
      prompt: PROMPT,
    });
    expect([text, response.modelId]).toEqual([HELLO, 'vendor/small-1']);
    expect(providerMetadata).toMatchObject(ACCOUNTED);
  });

  test('streams a text, and accounts for it', async () => {
    const { baseURL } = await openMockGateway(open);
    const result = streamText({ model: connect(baseURL)('small', { usage: { include: true } }), prompt: PROMPT });
    const pieces = await collect(result.textStream);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join('')).toBe(HELLO);
    expect(await result.providerMetadata).toMatchObject(ACCOUNTED);
    expect(await result.usage).toMatchObject({ inputTokens: 101, outputTokens: 11 });
  });

  test('lets tools be run, and reads objects', async () => {
    const { baseURL, bill } = await openMockGateway(open);
    const asked: unknown[] = [];
    const weather = tool({
      description: 'Tells the weather.',
      inputSchema: z.object({ city: z.string() }),
      execute: async (input) => {
        asked.push(input);
        return FORECAST;
      },
    });
    const model = connect(baseURL)('small', { parallelToolCalls: false });
    const request = { model, prompt: PROMPT, tools: { weather }, stopWhen: isStepCount(4) };
    expect((await generateText(request)).text).toBe(RAIN);
    expect((await collect(streamText(request).textStream)).join('')).toBe(RAIN);
    expect(asked).toEqual([WEATHER, WEATHER]);
    const { output } = await generateText({ model, prompt: PROMPT, output: Output.object({ schema: Forecast }) });
    expect(output).toEqual(FORECAST);
    expect(await bill()).toHaveLength(5);
  });

  test('names models that come next, and the providers that may be asked', async () => {
    const { baseURL, mock, usage } = await openMockGateway(open);
    const router = connect(baseURL);
    expect(await served(router('small', { provider: { order: ['second'] } }))).toBe('vendor/small-1');
    expect(await served(router('sluice/auto', { provider: { order: ['second', 'first'] } }))).toBe('vendor/large-1');
    expect(await served(router('sluice/auto', { provider: { only: ['second'] } }))).toBe('vendor/large-1');
    expect(await served(router('sluice/auto', { extraBody: { provider: { ignore: ['first'] } } }))).toBe(
      'vendor/large-1',
    );
    const error = { message: 'down', type: 'server_error' };
    mock.prependFixture({ match: { model: 'vendor/large-1' }, response: { error, status: 503 } });
    expect(await served(router('large', { models: ['small'] }))).toBe('vendor/small-1');
    expect((await usage()).slice(-2)).toMatchObject([
      { model: 'large', outcome: 'failed', status: 503 },
      { model: 'small', outcome: 'completed' },
    ]);
    const refused = served(router('small', { provider: { data_collection: 'deny' } }));
    await expect(refused).rejects.toMatchObject({ statusCode: 400 });
  });
});
