import { createOpenRouter, type OpenRouterProvider } from '@openrouter/ai-sdk-provider';
import { APICallError, dynamicTool, generateText, Output, RetryError, streamText } from 'ai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { Sim } from '../../src/sim/server.ts';
import { complete, connectProvider, MODEL } from '../support/upstream.ts';
import { ask, prompt, read, start } from './sim-client.ts';

const PATH = '/api/v1';

/** OpenRouter's own client, below Vercel's AI SDK, is the judge of how the simulated provider speaks its API. */
function connect(sim: Sim, apiKey = 'key'): OpenRouterProvider {
  return createOpenRouter({ apiKey, baseURL: new URL(PATH, sim.url).href, compatibility: 'strict' });
}

type Model = ReturnType<OpenRouterProvider['chat']>;

const SMALL = 'sim/small-1';
const ASKING = { prompt: 'Tell me', maxRetries: 0 } as const;
const WITH_BODY = { ...ASKING, include: { responseBody: true } } as const;

const Weather = z.object({ city: z.enum(['Paris']), days: z.int().min(1) });
const TOOLS = { get_weather: dynamicTool({ inputSchema: Weather, execute: () => 'rain' }) };

type Told = { provider: string; usage: { cost: number; promptTokens: number; completionTokens: number } };

/** What OpenRouter adds to an answer. */
function toldIn(metadata: Record<string, unknown> | undefined): Told {
  return metadata?.['openrouter'] as Told;
}

async function errorOf(call: Promise<unknown>): Promise<InstanceType<typeof APICallError>> {
  const thrown = await call.then(
    () => new Error('the call was expected to fail'),
    (error: unknown) => error,
  );
  if (APICallError.isInstance(thrown)) return thrown;
  throw thrown;
}

describe('the official client', () => {
  test('gets the text, who gave it, and what it cost to the nano-dollar', async () => {
    const sim = await start();
    const { text, finishReason, usage, providerMetadata, response } = await generateText({
      model: connect(sim).chat(SMALL),
      ...WITH_BODY,
    });
    const totals = sim.ledger.totals();
    expect(text).toBe(read(await ask(sim, prompt('Tell me'))).content);
    expect(finishReason).toBe('stop');
    expect(response).toMatchObject({ id: expect.stringMatching(/^gen-/), modelId: SMALL });
    expect(totals).toMatchObject({
      calls: 1,
      answered: 1,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
    });
    const told = toldIn(providerMetadata);
    expect(told.provider).toBe('Simulated');
    expect(Math.round(told.usage.cost * 1e9)).toBe(totals.cost_nanos);
    expect(totals.cost_nanos).toBeGreaterThan(0);
    expect(response.body).toMatchObject({ choices: [{ finish_reason: 'stop', native_finish_reason: 'end_turn' }] });
  });

  test('gets the same streamed, cost and all', async () => {
    const sim = await start();
    const model = connect(sim).chat(SMALL);
    const whole = await generateText({ model, ...ASKING });
    const stream = streamText({ model, ...ASKING });
    const pieces = await piecesIn(stream.textStream);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(whole.text);
    expect(await stream.finishReason).toBe('stop');
    const usage = await stream.usage;
    expect([usage.inputTokens, usage.outputTokens]).toEqual([whole.usage.inputTokens, whole.usage.outputTokens]);
    const { provider, usage: told } = toldIn(await stream.providerMetadata);
    expect(provider).toBe('Simulated');
    expect(told.cost).toBe(toldIn(whole.providerMetadata).usage.cost);
    expect(Math.round(2 * told.cost * 1e9)).toBe(sim.ledger.totals().cost_nanos);
  });

  test('gets what was thought before the answer, which is counted and paid for', async () => {
    const sim = await start();
    const router = connect(sim);
    const plain = await generateText({ model: router.chat(SMALL), ...ASKING });
    const model = router.chat(SMALL, { reasoning: { effort: 'low' } });
    const whole = await generateText({ model, ...ASKING });
    const stream = streamText({ model, ...ASKING });
    expect(whole.text).toBe(plain.text);
    expect(whole.reasoningText).toMatch(/.{20}/);
    expect((await piecesIn(stream.textStream)).join('')).toBe(plain.text);
    expect(await stream.reasoningText).toBe(whole.reasoningText);
    for (const { outputTokens = 0, outputTokenDetails } of [whole.usage, await stream.usage]) {
      expect(outputTokenDetails.reasoningTokens).toBeGreaterThan(0);
      expect(outputTokens).toBe((plain.usage.outputTokens ?? 0) + (outputTokenDetails.reasoningTokens ?? 0));
    }
    expect(sim.ledger.totals().output_tokens).toBe(
      (plain.usage.outputTokens ?? 0) + 2 * (whole.usage.outputTokens ?? 0),
    );
  });

  test.each(['required', { type: 'tool', toolName: 'get_weather' }] as const)(
    'has a tool called when it insists on it (%o), whole and streamed',
    async (toolChoice) => {
      const model = connect(await start()).chat(SMALL);
      const whole = await generateText({ model, ...ASKING, tools: TOOLS, toolChoice });
      const stream = streamText({ model, ...ASKING, tools: TOOLS, toolChoice });
      const called = { toolName: 'get_weather', toolCallId: expect.stringMatching(/^call_/) };
      for (const calls of [whole.toolCalls, await stream.toolCalls]) {
        expect(calls).toMatchObject([{ ...called, input: { city: 'Paris', days: expect.any(Number) } }]);
      }
      expect([whole.finishReason, await stream.finishReason]).toEqual(['tool-calls', 'tool-calls']);
    },
  );

  test('gets an object by its schema', async () => {
    const sim = await start();
    const { output } = await generateText({
      model: connect(sim).chat(SMALL),
      ...ASKING,
      output: Output.object({
        schema: z.object({ paid: z.boolean(), lines: z.array(z.object({ total: z.number() })) }),
      }),
    });
    expect(output).toEqual({ paid: expect.any(Boolean), lines: [{ total: expect.any(Number) }] });
  });

  test('is told when the answer was cut', async () => {
    const sim = await start();
    const cut = await generateText({ model: connect(sim).chat(SMALL), ...WITH_BODY, maxOutputTokens: 3 });
    expect(cut).toMatchObject({ finishReason: 'length', usage: { outputTokens: 3 } });
    expect(cut.response.body).toMatchObject({ choices: [{ native_finish_reason: 'max_tokens' }] });
  });
});

describe('what fails', () => {
  test.each([
    [401, false],
    [402, false],
    [403, false],
    [404, false],
    [429, true],
    [502, true],
    [503, true],
  ] as const)('as %i is the client’s error for it', async (status, isRetryable) => {
    const sim = await start({ faults: [parseFaultRule(`*=${status},retry_after=7`)] });
    const error = await errorOf(generateText({ model: connect(sim).chat(SMALL), ...ASKING }));
    expect(error).toMatchObject({
      statusCode: status,
      isRetryable,
      data: { error: { code: status, message: expect.stringMatching(/./) } },
    });
    expect(error.responseHeaders).toMatchObject({ 'retry-after': '7' });
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, failed: 1, by_status: { [status]: 1 }, cost_nanos: 0 });
  });

  test('behind a 200 it is an error all the same, and costs nothing', async () => {
    const sim = await start({ faults: [parseFaultRule('*=error-in-200')] });
    const model = connect(sim).chat(SMALL);
    expect(await errorOf(generateText({ model, ...ASKING }))).toMatchObject({
      statusCode: 200,
      message: 'Provider returned error',
      data: { code: 502 },
    });
    const { errors, pieces } = await readFailing(model);
    expect(pieces).toBeGreaterThan(0);
    expect(errors).toMatchObject([{ code: 502, message: 'Provider returned error' }]);
    expect(sim.ledger.totals()).toMatchObject({ calls: 2, answered: 0, failed: 2, by_status: { 200: 2 } });
  });

  test('a wrong key and a model that nobody serves', async () => {
    const sim = await start({ apiKey: 'right' });
    const wrong = connect(sim, 'wrong').chat(SMALL);
    expect(await errorOf(generateText({ model: wrong, ...ASKING }))).toMatchObject({ statusCode: 401 });
    const unknown = connect(sim, 'right').chat('none');
    expect(await errorOf(generateText({ model: unknown, ...ASKING }))).toMatchObject({
      statusCode: 404,
      message: 'No endpoints found for none.',
    });
  });

  test('each try of the client is a call in the ledger', async () => {
    const sim = await start({ faults: [parseFaultRule('*=503,retry_after=0')] });
    const call = generateText({ model: connect(sim).chat(SMALL), ...ASKING, maxRetries: 1 });
    await expect(call).rejects.toThrow(RetryError);
    expect(sim.ledger.totals()).toMatchObject({ calls: 2, answered: 0, failed: 2 });
  });
});

describe('our own provider', () => {
  test.each([false, true])('believes what is charged (streamed: %s), and asks with its key', async (stream) => {
    const sim = await start({ apiKey: 'right' });
    const provider = connectProvider(new URL(PATH, sim.url).href, { kind: 'openrouter', api_key: 'right', stream });
    const completion = await complete(provider, { model: { ...MODEL, id: SMALL } });
    expect(completion.billed_nanos).toBe(sim.ledger.totals().cost_nanos);
    expect(await provider.probe(1_000, 'default')).toEqual([SMALL, 'sim/large-1']);
  });
});

async function piecesIn(stream: AsyncIterable<string>): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

/** What comes of a stream that fails on its way. */
async function readFailing(model: Model): Promise<{ errors: unknown[]; pieces: number }> {
  const errors: unknown[] = [];
  let pieces = 0;
  const { stream } = streamText({ model, ...ASKING, onError: () => undefined });
  for await (const part of stream) {
    if (part.type === 'error') errors.push(part.error);
    if (part.type === 'text-delta') pieces += 1;
  }
  return { errors, pieces };
}
