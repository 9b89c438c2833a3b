import OpenAI, { NotFoundError } from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { useGateway } from '../support/gateway.ts';
import { COST, FORECAST, openMockGateway, WEATHER, WEATHER_SCHEMA } from '../support/mock-gateway.ts';

const open = useGateway();
const HELLO = 'Hello there, whoever you are.';
const ASKED = { model: 'small', input: 'Say hello.' };
const Forecast = z.object({ sky: z.string(), degrees: z.number() });
const TOOL = {
  type: 'function' as const,
  name: 'weather',
  description: 'Tells the weather.',
  parameters: WEATHER_SCHEMA,
  strict: true,
};
const USAGE = { input_tokens: 101, output_tokens: 11, total_tokens: 112, cost: COST };

const clientOf = (baseURL: string): OpenAI => new OpenAI({ baseURL, apiKey: 'none' });

describe('the Responses API', () => {
  test('answers, and repeats what it was asked', async () => {
    const { baseURL, bill, mock } = await openMockGateway(open);
    const { data, response } = await clientOf(baseURL)
      .responses.create({ ...ASKED, instructions: 'Be kind.', max_output_tokens: 90, metadata: { suite: 'a' } })
      .withResponse();
    expect(data).toMatchObject({
      id: expect.stringMatching(/^resp_/) as unknown,
      status: 'completed',
      model: 'vendor/small-1',
      output_text: HELLO,
      instructions: 'Be kind.',
      max_output_tokens: 90,
      metadata: { suite: 'a' },
      usage: USAGE,
    });
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(mock.getLastRequest()?.body).toMatchObject({
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Say hello.' },
      ],
    });
    expect(await bill()).toEqual([{ model: 'small', outcome: 'completed', cost_nanos: 145_000 }]);
  });

  test('streams an answer, which is put together by the client', async () => {
    const { baseURL } = await openMockGateway(open);
    const stream = clientOf(baseURL).responses.stream(ASKED);
    const deltas: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
    const whole = await stream.finalResponse();
    expect(deltas.join('')).toBe(HELLO);
    expect(whole).toMatchObject({ status: 'completed', output_text: HELLO, usage: USAGE });
  });

  test.each([false, true])('has tools called, and hears what they say; streamed: %s', async (isStreamed) => {
    const { baseURL, mock } = await openMockGateway(open);
    const { responses } = clientOf(baseURL);
    const request = { model: 'small', tools: [TOOL] };
    const ask = (input: OpenAI.Responses.ResponseInput): Promise<OpenAI.Responses.Response> =>
      isStreamed ? responses.stream({ ...request, input }).finalResponse() : responses.create({ ...request, input });
    const question = { role: 'user' as const, content: 'How is the weather in Oslo?' };
    const { output } = await ask([question]);
    expect(output).toMatchObject([
      { type: 'function_call', name: 'weather', call_id: 'call_1', arguments: JSON.stringify(WEATHER) },
    ]);
    const told = JSON.stringify(FORECAST);
    const calls = output as OpenAI.Responses.ResponseInput;
    const answer = await ask([question, ...calls, { type: 'function_call_output', call_id: 'call_1', output: told }]);
    expect(answer.output_text).toBe('It rains in Oslo, at 7 degrees.');
    expect(mock.getLastRequest()?.body).toMatchObject({
      messages: [
        { role: 'user' },
        { role: 'assistant', tool_calls: [{ id: 'call_1', function: { name: 'weather' } }] },
        { role: 'tool', tool_call_id: 'call_1', content: told },
      ],
    });
  });

  test('keeps to a JSON schema', async () => {
    const { baseURL } = await openMockGateway(open);
    const request = { ...ASKED, text: { format: zodTextFormat(Forecast, 'forecast') } };
    const { responses } = clientOf(baseURL);
    expect((await responses.parse(request)).output_parsed).toEqual(FORECAST);
    expect((await responses.stream(request).finalResponse()).output_parsed).toEqual(FORECAST);
  });

  test('says what is wrong, where, and enqueues nothing', async () => {
    const { baseURL, bill } = await openMockGateway(open);
    const { responses } = clientOf(baseURL);
    const stored = responses.create({ ...ASKED, previous_response_id: 'resp_1' });
    await expect(stored).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
    await expect(stored).rejects.toThrow(/answers are not stored here; send the whole conversation as input/);
    const long = responses.create({ ...ASKED, max_output_tokens: 2_000_000 });
    await expect(long).rejects.toMatchObject({ status: 400, param: 'max_output_tokens' });
    await expect(responses.create({ ...ASKED, model: 'huge', stream: true })).rejects.toThrow(NotFoundError);
    expect(await bill()).toEqual([]);
  });
});
