import { OpenAI } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { LedgerTotals } from '../../src/sim/ledger.ts';
import type { Sim } from '../../src/sim/server.ts';
import { profiles, start } from './sim-client.ts';

/** OpenAI's own client is the judge of how the simulated provider speaks its API. */
function connect(sim: Sim, options: { apiKey?: string; maxRetries?: number; timeout?: number } = {}): OpenAI {
  return new OpenAI({ apiKey: 'key', baseURL: sim.url, maxRetries: 0, ...options });
}

/** The books as any client reads them. */
async function ledgerOf(sim: Sim): Promise<LedgerTotals> {
  return (await (await fetch(new URL('/ledger', sim.url))).json()) as LedgerTotals;
}

async function errorOf(call: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const thrown = await call.then(
    () => new Error('the call was expected to fail'),
    (error: unknown) => error,
  );
  if (thrown instanceof OpenAI.APIError) return thrown;
  throw thrown;
}

const REQUEST = {
  model: 'sim/small-1',
  messages: [{ role: 'user', content: 'Tell me' }],
} satisfies OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;

const TOOL = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { enum: ['Paris'] }, days: { type: 'integer', minimum: 1 } },
      required: ['city', 'days'],
    },
  },
} satisfies OpenAI.Chat.ChatCompletionFunctionTool;

describe('the official client', () => {
  test('gets the completion that is billed, with the request’s id', async () => {
    const sim = await start();
    const completion = await connect(sim).chat.completions.create(REQUEST);
    expect(completion).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'sim/small-1',
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          logprobs: null,
          message: { role: 'assistant', content: expect.stringMatching(/./), refusal: null },
        },
      ],
      usage: { prompt_tokens: 2 },
    });
    expect(completion._request_id).toMatch(/^req_/);
    const { prompt_tokens = 0, completion_tokens = 0 } = completion.usage ?? {};
    expect(await ledgerOf(sim)).toMatchObject({
      calls: 1,
      answered: 1,
      input_tokens: prompt_tokens,
      output_tokens: completion_tokens,
      cost_nanos: prompt_tokens * 150 + completion_tokens * 600,
    });
  });

  test('finds its own request id again', async () => {
    const sim = await start();
    const options = { headers: { 'x-request-id': 'job-1:1' } };
    expect(await connect(sim).chat.completions.create(REQUEST, options)).toMatchObject({ _request_id: 'job-1:1' });
    expect(sim.ledger.calls()).toMatchObject([{ request_id: 'job-1:1' }]);
  });

  test('gets the same completion streamed, with its usage at the end', async () => {
    const sim = await start();
    const { completions } = connect(sim).chat;
    const whole = await completions.create(REQUEST);
    const stream = completions.stream({ ...REQUEST, stream_options: { include_usage: true } });
    const pieces: string[] = [];
    stream.on('content', (piece) => pieces.push(piece));
    const streamed = await stream.finalChatCompletion();
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(whole.choices[0]?.message.content);
    expect(await stream.totalUsage()).toEqual(whole.usage);
    expect(streamed.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { role: 'assistant', content: pieces.join('') },
    });
    expect(await ledgerOf(sim)).toMatchObject({
      calls: 2,
      answered: 2,
      output_tokens: 2 * (whole.usage?.completion_tokens ?? 0),
    });
  });

  test('is told the usage of a stream once, and only when it asks', async () => {
    const { completions } = connect(await start()).chat;
    const told = async (include_usage: boolean): Promise<number> => {
      let count = 0;
      const stream = await completions.create({ ...REQUEST, stream: true, stream_options: { include_usage } });
      for await (const { usage } of stream) count += usage ? 1 : 0;
      return count;
    };
    expect([await told(false), await told(true)]).toEqual([0, 1]);
  });

  test.each(['required', { type: 'function', function: { name: 'get_weather' } }] as const)(
    'has a tool called when it insists on it (%o), whole and streamed',
    async (tool_choice) => {
      const { completions } = connect(await start()).chat;
      const request = { ...REQUEST, tools: [TOOL], tool_choice };
      const answers = [await completions.create(request), await completions.stream(request).finalChatCompletion()];
      for (const { choices } of answers) {
        expect(choices).toMatchObject([{ finish_reason: 'tool_calls', message: { content: null } }]);
        const [call] = choices[0]?.message.tool_calls ?? [];
        if (call?.type !== 'function') throw new Error('no function was called');
        expect(call).toMatchObject({ id: expect.stringMatching(/^call_/), function: { name: 'get_weather' } });
        expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Paris', days: expect.any(Number) });
      }
    },
  );

  test('gets a text when it leaves the choice to the model', async () => {
    const { choices } = await connect(await start()).chat.completions.create({ ...REQUEST, tools: [TOOL] });
    expect(choices).toMatchObject([{ finish_reason: 'stop', message: { content: expect.stringMatching(/./) } }]);
    expect(choices[0]?.message.tool_calls).toBeUndefined();
  });

  test('gets JSON by its schema', async () => {
    const Forecast = z.object({ city: z.enum(['Paris']), days: z.array(z.object({ rain: z.boolean() })) });
    const { choices } = await connect(await start()).chat.completions.parse({
      ...REQUEST,
      response_format: zodResponseFormat(Forecast, 'forecast'),
    });
    expect(choices[0]?.message.parsed).toEqual({ city: 'Paris', days: [{ rain: expect.any(Boolean) }] });
  });

  test('is told when the answer was cut', async () => {
    const { completions } = connect(await start()).chat;
    const { choices, usage } = await completions.create({ ...REQUEST, max_completion_tokens: 3 });
    expect(choices).toMatchObject([
      { finish_reason: 'length', message: { content: expect.stringMatching(/^.{12}$/) } },
    ]);
    expect(usage?.completion_tokens).toBe(3);
  });

  test('lists the models', async () => {
    const { data: models } = await connect(await start()).models.list();
    expect(models).toMatchObject([
      { id: 'sim/small-1', object: 'model', created: expect.any(Number), owned_by: expect.any(String) },
      { id: 'sim/large-1' },
    ]);
  });
});

describe('what fails', () => {
  test.each([
    [400, OpenAI.BadRequestError, 'invalid_request_error', null],
    [401, OpenAI.AuthenticationError, 'invalid_request_error', 'invalid_api_key'],
    [402, OpenAI.APIError, 'insufficient_quota', 'insufficient_quota'],
    [403, OpenAI.PermissionDeniedError, 'invalid_request_error', 'model_not_allowed'],
    [404, OpenAI.NotFoundError, 'invalid_request_error', 'model_not_found'],
    [429, OpenAI.RateLimitError, 'requests', 'rate_limit_exceeded'],
    [500, OpenAI.InternalServerError, 'server_error', null],
    [503, OpenAI.InternalServerError, 'server_error', 'service_unavailable'],
  ] as const)('as %i is the client’s error for it', async (status, kind, type, code) => {
    const sim = await start({ faults: [parseFaultRule(`*=${status},retry_after=7`)] });
    const error = await errorOf(connect(sim).chat.completions.create(REQUEST));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status, type, code, requestID: expect.stringMatching(/^req_/) });
    expect(error.headers?.get('retry-after')).toBe('7');
    expect(await ledgerOf(sim)).toMatchObject({ calls: 1, failed: 1, by_status: { [status]: 1 }, cost_nanos: 0 });
  });

  test('a wrong key, an unknown model and a bad request', async () => {
    const sim = await start({ apiKey: 'right' });
    const wrong = connect(sim, { apiKey: 'wrong' });
    await expect(wrong.chat.completions.create(REQUEST)).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(wrong.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    const { completions } = connect(sim, { apiKey: 'right' }).chat;
    const unknown = await errorOf(completions.create({ ...REQUEST, model: 'none' }));
    expect(unknown).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    await expect(completions.create({ ...REQUEST, messages: [] })).rejects.toThrow(OpenAI.BadRequestError);
    await expect(completions.create(REQUEST)).resolves.toMatchObject({ object: 'chat.completion' });
    expect(await ledgerOf(sim)).toMatchObject({ calls: 4, answered: 1, failed: 3 });
  });

  test.each(['truncated', 'error-in-200'])('a stream that breaks (%s) is no completion', async (fault) => {
    const sim = await start({ faults: [parseFaultRule(`*=${fault}`)] });
    const stream = connect(sim).chat.completions.stream(REQUEST);
    await expect(stream.finalChatCompletion()).rejects.toThrow(OpenAI.OpenAIError);
    expect(await ledgerOf(sim)).toMatchObject({ calls: 1, answered: 0, failed: 1 });
  });

  test('a connection that is lost, and one on which nothing comes', async () => {
    const sim = await start({ faults: ['sim/small-1=reset', 'sim/large-1=timeout'].map(parseFaultRule) });
    const { completions } = connect(sim, { timeout: 50 }).chat;
    await expect(completions.create(REQUEST)).rejects.toThrow(OpenAI.APIConnectionError);
    const waiting = completions.create({ ...REQUEST, model: 'sim/large-1' });
    await expect(waiting).rejects.toThrow(OpenAI.APIConnectionTimeoutError);
    await expect.poll(() => sim.ledger.totals(), { interval: 2 }).toMatchObject({ calls: 2, failed: 1, aborted: 1 });
  });
});

describe('when the client tries again', () => {
  test('each try is a call, and only the answer is billed', async () => {
    const sim = await start({ faults: [parseFaultRule('*=503,first=2,retry_after=0.01')] });
    const { usage } = await connect(sim, { maxRetries: 2 }).chat.completions.create(REQUEST);
    expect(await ledgerOf(sim)).toMatchObject({
      calls: 3,
      answered: 1,
      failed: 2,
      by_status: { 200: 1, 503: 2 },
      output_tokens: usage?.completion_tokens,
    });
  });

  test('what is its own fault is not tried again', async () => {
    const sim = await start({ faults: [parseFaultRule('*=403')] });
    await errorOf(connect(sim, { maxRetries: 2 }).chat.completions.create(REQUEST));
    expect((await ledgerOf(sim)).calls).toBe(1);
  });

  // One request each 0.75 s: without a word the client would be back after half a second at the most.
  const limited = { 'sim/small-1': { ...profiles['sim/small-1'], limits: { requests_per_minute: 80 } } };

  test('a limit is told in headers, with every answer', async () => {
    const sim = await start({ profiles: limited });
    const { completions } = connect(sim).chat;
    const { response } = await completions.create(REQUEST).withResponse();
    const refused = await errorOf(completions.create(REQUEST));
    expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
    expect(refused.code).toBe('rate_limit_exceeded');
    for (const headers of [response.headers, refused.headers]) {
      expect(headers?.get('x-ratelimit-limit-requests')).toBe('80');
      expect(Number(headers?.get('x-ratelimit-remaining-requests'))).toBeLessThan(80);
      expect(headers?.get('x-ratelimit-reset-requests')).toMatch(/^\d+(ms|s)$/);
    }
    expect(refused.headers?.get('retry-after')).toBe('1');
    const waitMs = Number(refused.headers?.get('retry-after-ms'));
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(750);
    expect(response.headers.get('retry-after')).toBeNull();
    expect(await ledgerOf(sim)).toMatchObject({ calls: 2, answered: 1, by_status: { 200: 1, 429: 1 } });
  });

  test('who waits for as long as a 429 says is let in', async () => {
    const sim = await start({ profiles: limited });
    const { completions } = connect(sim, { maxRetries: 1 }).chat;
    await completions.create(REQUEST);
    await completions.create(REQUEST);
    expect(await ledgerOf(sim)).toMatchObject({ calls: 3, answered: 2, by_status: { 200: 2, 429: 1 } });
  });
});
