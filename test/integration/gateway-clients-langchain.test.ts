import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { useGateway } from '../support/gateway.ts';
import { collect, FORECAST, openMockGateway, WEATHER } from '../support/mock-gateway.ts';

const open = useGateway();
const PROMPT = 'How is the weather in Oslo?';
const HELLO = 'Hello there, whoever you are.';
const RAIN = 'It rains in Oslo, at 7 degrees.';
const Forecast = z.object({ sky: z.string(), degrees: z.number() });
const USAGE = { input_tokens: 101, output_tokens: 11, total_tokens: 112 };

const modelOf = (baseURL: string, model = 'small') =>
  new ChatOpenAI({ model, apiKey: 'none', temperature: 0, configuration: { baseURL } });

describe('LangChain’s model of OpenAI', () => {
  test('is invoked, and finds the usage', async () => {
    const { baseURL } = await openMockGateway(open);
    const message = await modelOf(baseURL).invoke(PROMPT);
    expect(message.text).toBe(HELLO);
    expect(message.usage_metadata).toMatchObject(USAGE);
    expect(message.response_metadata).toMatchObject({ model_name: 'vendor/small-1', finish_reason: 'stop' });
  });

  test('streams', async () => {
    const { baseURL } = await openMockGateway(open);
    const pieces = await collect(await modelOf(baseURL).stream(PROMPT));
    const whole = pieces.reduce((all, piece) => all.concat(piece));
    expect(pieces.length).toBeGreaterThan(3);
    expect(whole.text).toBe(HELLO);
    expect(whole.usage_metadata).toMatchObject(USAGE);
  });

  test('calls tools, and is told what they say', async () => {
    const { baseURL } = await openMockGateway(open);
    const weather = tool(() => JSON.stringify(FORECAST), {
      name: 'weather',
      description: 'Tells the weather.',
      schema: z.object({ city: z.string() }),
    });
    const model = modelOf(baseURL).bindTools([weather]);
    const question = new HumanMessage(PROMPT);
    const call = await model.invoke([question]);
    expect(call.tool_calls).toMatchObject([{ name: 'weather', args: WEATHER, id: 'call_1' }]);
    const streamed = await collect(await model.stream([question]));
    expect(streamed.reduce((all, piece) => all.concat(piece)).tool_calls).toMatchObject([{ args: WEATHER }]);
    const told = new ToolMessage({ tool_call_id: 'call_1', content: JSON.stringify(FORECAST) });
    expect((await model.invoke([question, call, told])).text).toBe(RAIN);
  });

  test('gets an object of a schema', async () => {
    const { baseURL } = await openMockGateway(open);
    const model = modelOf(baseURL).withStructuredOutput(Forecast, { name: 'forecast', method: 'jsonSchema' });
    expect(await model.invoke(PROMPT)).toEqual(FORECAST);
  });

  test('does not ask again for what is wrong', async () => {
    const { baseURL, calls } = await open();
    await expect(modelOf(baseURL, 'gpt-9').invoke(PROMPT)).rejects.toMatchObject({ status: 404 });
    expect(calls()).toEqual([]);
  });
});
