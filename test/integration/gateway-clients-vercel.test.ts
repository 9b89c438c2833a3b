import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, Output, generateObject, generateText, isStepCount, streamText, tool } from 'ai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { useGateway } from '../support/gateway.ts';
import { collect, COST, FORECAST, openMockGateway, TOLD_USAGE, WEATHER } from '../support/mock-gateway.ts';

const open = useGateway();
const PROMPT = 'How is the weather in Oslo?';
const Forecast = z.object({ sky: z.string(), degrees: z.number() });
const HELLO = 'Hello there, whoever you are.';
const RAIN = 'It rains in Oslo, at 7 degrees.';

function modelsOf(baseURL: string, apiKey = 'none') {
  return createOpenAICompatible({
    name: 'sluice',
    baseURL,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
}

/** A tool, and what it was asked. */
function weatherTool() {
  const asked: unknown[] = [];
  const weather = tool({
    description: 'Tells the weather.',
    inputSchema: z.object({ city: z.string() }),
    execute: async (input) => {
      asked.push(input);
      return FORECAST;
    },
  });
  return { asked, tools: { weather } };
}

describe('the AI SDK, over its OpenAI-compatible provider', () => {
  test('generates a text, and finds the usage and the cost', async () => {
    const { baseURL } = await openMockGateway(open);
    const { text, usage, finishReason, response } = await generateText({
      model: modelsOf(baseURL)('small'),
      system: 'Be brief.',
      prompt: PROMPT,
      temperature: 0.2,
      maxOutputTokens: 64,
    });
    expect([text, finishReason, response.modelId]).toEqual([HELLO, 'stop', 'vendor/small-1']);
    expect(usage).toMatchObject({ inputTokens: 101, outputTokens: 11, raw: { ...TOLD_USAGE, cost: COST } });
    expect(response.headers?.['x-sluice-model']).toBe('small');
  });

  test('streams a text, and finds the usage and the cost', async () => {
    const { baseURL } = await openMockGateway(open);
    const result = streamText({ model: modelsOf(baseURL)('small'), prompt: PROMPT });
    const pieces = await collect(result.textStream);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join('')).toBe(HELLO);
    expect(await result.usage).toMatchObject({ inputTokens: 101, outputTokens: 11, raw: { cost: COST } });
    expect(await result.finishReason).toBe('stop');
  });

  test('gets an object of a schema', async () => {
    const { baseURL, mock } = await openMockGateway(open);
    const model = modelsOf(baseURL)('small');
    const generated = await generateText({ model, prompt: PROMPT, output: Output.object({ schema: Forecast }) });
    expect(generated.output).toEqual(FORECAST);
    expect(mock.getLastRequest()?.body).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { schema: { required: ['sky', 'degrees'] } } },
    });
    expect((await generateObject({ model, prompt: PROMPT, schema: Forecast })).object).toEqual(FORECAST);
    const streamed = streamText({ model, prompt: PROMPT, output: Output.object({ schema: Forecast }) });
    expect((await collect(streamed.partialOutputStream)).at(-1)).toEqual(FORECAST);
  });

  test('lets tools be run, and tells the model what they say', async () => {
    const { baseURL, bill } = await openMockGateway(open);
    const { asked, tools } = weatherTool();
    const request = { model: modelsOf(baseURL)('small'), prompt: PROMPT, tools, stopWhen: isStepCount(4) };
    const { text, steps, totalUsage } = await generateText(request);
    expect(text).toBe(RAIN);
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(totalUsage).toMatchObject({ inputTokens: 202, outputTokens: 22 });
    const streamed = streamText(request);
    expect((await collect(streamed.textStream)).join('')).toBe(RAIN);
    expect(asked).toEqual([WEATHER, WEATHER]);
    expect(await bill()).toHaveLength(4);
  });

  test('is told an error in words that it understands', async () => {
    const { baseURL, calls } = await open({ faults: [{ model: '*', kind: 500, rate: 1 }] });
    const models = modelsOf(baseURL);
    const failing = generateText({ model: models('sluice/auto'), prompt: PROMPT, maxRetries: 0 });
    await expect(failing).rejects.toSatisfy((error) => APICallError.isInstance(error));
    await expect(failing).rejects.toMatchObject({
      statusCode: 502,
      message: expect.stringContaining('small') as unknown,
      responseHeaders: { 'x-should-retry': 'false' },
    });
    const before = calls().length;
    const unknown = generateText({ model: models('gpt-9'), prompt: PROMPT });
    await expect(unknown).rejects.toMatchObject({ statusCode: 404, isRetryable: false });
    expect(calls()).toHaveLength(before);
  });
});
