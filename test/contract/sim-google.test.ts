import { ApiError, FinishReason, FunctionCallingConfigMode, GoogleGenAI, ThinkingLevel, Type } from '@google/genai';
import { describe, expect, test } from 'vitest';
import type { Provider } from '../../src/providers/index.ts';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { Sim } from '../../src/sim/server.ts';
import { complete, connectProvider, failureOf, MODEL } from '../support/upstream.ts';
import { ask, prompt, read, start } from './sim-client.ts';

const KEY = 'AIza-sim';
const model = 'sim/small-1';

/** Google's own client: it judges whether the simulator speaks as Google does. */
function clientOf(sim: Sim, apiKey = KEY): GoogleGenAI {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `http://127.0.0.1:${sim.port}` } });
}

async function apiErrorOf(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ApiError) return error;
  throw new Error('an ApiError was expected', { cause: error });
}

const properties = { name: { type: Type.STRING }, minutes: { type: Type.INTEGER } };
const inJsonSchema = { type: 'object', properties: { name: { type: 'string' }, minutes: { type: 'integer' } } };

describe('Google’s client', () => {
  test('gets the text, the reason and the counts that OpenAI’s gets', async () => {
    const sim = await start();
    const response = await clientOf(sim).models.generateContent({ model, contents: 'Why is the sky blue?' });
    const { content, usage } = read(await ask(sim, prompt('Why is the sky blue?')));
    expect(response.text).toBe(content);
    expect(response.candidates?.[0]?.finishReason).toBe(FinishReason.STOP);
    expect(response.usageMetadata).toMatchObject({
      promptTokenCount: usage.prompt_tokens,
      candidatesTokenCount: usage.completion_tokens,
      totalTokenCount: usage.total_tokens,
    });
    expect(response).toMatchObject({ modelVersion: model, responseId: 'sim000000001' });
    expect(sim.ledger.totals()).toMatchObject({ calls: 2, answered: 2 });
  });

  test('gets a stream in pieces that come to the same text', async () => {
    const sim = await start();
    const client = clientOf(sim);
    const whole = await client.models.generateContent({ model, contents: 'Tell me more.' });
    const pieces: string[] = [];
    let last: FinishReason | undefined;
    for await (const piece of await client.models.generateContentStream({ model, contents: 'Tell me more.' })) {
      pieces.push(piece.text ?? '');
      last = piece.candidates?.[0]?.finishReason;
    }
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join('')).toBe(whole.text);
    expect(last).toBe(FinishReason.STOP);
  });

  test('gets calls of the function that it insists on', async () => {
    const sim = await start();
    const response = await clientOf(sim).models.generateContent({
      model,
      contents: 'Dim the lights.',
      config: {
        systemInstruction: 'Use the tools.',
        tools: [
          {
            functionDeclarations: [
              { name: 'ring' },
              {
                name: 'dim',
                parameters: {
                  type: Type.OBJECT,
                  properties: { level: { type: Type.INTEGER }, warm: { type: Type.BOOLEAN } },
                  required: ['level'],
                },
              },
            ],
          },
        ],
        toolConfig: {
          functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['dim'] },
        },
      },
    });
    expect(response.functionCalls).toEqual([
      { id: expect.any(String), name: 'dim', args: { level: expect.any(Number) } },
    ]);
    expect(response.candidates?.[0]?.content?.parts).toHaveLength(1);
  });

  test.each([{ responseJsonSchema: inJsonSchema }, { responseSchema: { type: Type.OBJECT, properties } }])(
    'gets JSON by its schema (%#)',
    async (schema) => {
      const sim = await start();
      const { text } = await clientOf(sim).models.generateContent({
        model,
        contents: 'A recipe, please.',
        config: { responseMimeType: 'application/json', ...schema },
      });
      expect(JSON.parse(text ?? '')).toEqual({ name: expect.any(String), minutes: expect.any(Number) });
    },
  );

  test('gets an answer cut off at its limit', async () => {
    const sim = await start();
    const response = await clientOf(sim).models.generateContent({
      model,
      contents: 'Tell me all.',
      config: { maxOutputTokens: 2 },
    });
    expect(response.candidates?.[0]?.finishReason).toBe(FinishReason.MAX_TOKENS);
    expect(response.usageMetadata?.candidatesTokenCount).toBe(2);
  });

  test('gets the count of what was thought, and not a word of it', async () => {
    const sim = await start();
    const { text, usageMetadata } = await clientOf(sim).models.generateContent({
      model,
      contents: 'Hi.',
      config: { thinkingConfig: { thinkingLevel: ThinkingLevel.HIGH } },
    });
    const { promptTokenCount = 0, candidatesTokenCount = 0, thoughtsTokenCount = 0 } = usageMetadata ?? {};
    expect(thoughtsTokenCount).toBeGreaterThan(candidatesTokenCount);
    expect(candidatesTokenCount).toBe(Math.ceil((text ?? '').length / 4));
    expect(usageMetadata?.totalTokenCount).toBe(promptTokenCount + candidatesTokenCount + thoughtsTokenCount);
    expect(sim.ledger.totals()).toMatchObject({ output_tokens: candidatesTokenCount + thoughtsTokenCount });
  });

  test('gets the list of the models', async () => {
    const sim = await start({ apiKey: KEY });
    const names: (string | undefined)[] = [];
    for await (const { name } of await clientOf(sim).models.list()) names.push(name);
    expect(names).toEqual(['models/sim/small-1', 'models/sim/large-1']);
  });
});

describe('a refusal', () => {
  test.each([
    ['*=429,retry_after=7', 429, 'RESOURCE_EXHAUSTED'],
    ['*=500', 500, 'INTERNAL'],
    ['*=503', 503, 'UNAVAILABLE'],
    ['*=529', 503, 'UNAVAILABLE'],
    ['*=504', 504, 'DEADLINE_EXCEEDED'],
    ['*=403', 403, 'PERMISSION_DENIED'],
    ['*=400', 400, 'INVALID_ARGUMENT'],
  ])('%s is an ApiError with %i and %s', async (fault, status, label) => {
    const sim = await start({ faults: [parseFaultRule(fault)] });
    const error = await apiErrorOf(clientOf(sim).models.generateContent({ model, contents: 'Hi.' }));
    expect(error.status).toBe(status);
    expect(JSON.parse(error.message)).toMatchObject({ error: { code: status, status: label } });
    expect(sim.ledger.totals()).toMatchObject({ failed: 1, by_status: { [status]: 1 } });
  });

  test('of a bad key is a 400 that says so', async () => {
    const sim = await start({ apiKey: KEY });
    const error = await apiErrorOf(clientOf(sim, 'AIza-bad').models.generateContent({ model, contents: 'Hi.' }));
    expect(error.status).toBe(400);
    expect(error.message).toContain('API_KEY_INVALID');
  });

  test('of an unknown model is a 404', async () => {
    const sim = await start();
    const error = await apiErrorOf(clientOf(sim).models.generateContent({ model: 'gemini-9', contents: 'Hi.' }));
    expect(error.status).toBe(404);
  });

  test.each([
    [{ contents: [] }, 'contents is not specified'],
    [{ contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }, 'Please use a valid role'],
    [{ contents: [{ parts: [{ text: 'x' }] }], max_tokens: 5 }, 'maxTokens'],
    [{ contents: [{ parts: [{ text: 'x' }] }], generationConfig: { seed: 2 ** 40 } }, 'generationConfig.seed'],
  ])('of what is no request of Google’s says what is wrong: %j', async (body, problem) => {
    const sim = await start();
    const response = await fetch(`http://127.0.0.1:${sim.port}/v1beta/models/${model}:generateContent`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: 400, status: 'INVALID_ARGUMENT', message: expect.stringContaining(problem) },
    });
  });
});

function provider(sim: Sim, more: object = {}): Provider {
  return connectProvider(`http://127.0.0.1:${sim.port}/v1beta`, { kind: 'google', api_key: KEY, ...more });
}

describe('our provider', () => {
  const ours = { model: { ...MODEL, id: model } };

  test.each([true, false])('gets the same answer as Google’s client (streamed: %s)', async (stream) => {
    const sim = await start({ apiKey: KEY });
    const { text } = await clientOf(sim).models.generateContent({
      model,
      contents: 'Hi.',
      config: { maxOutputTokens: 64 },
    });
    const request = { messages: [{ role: 'user', content: 'Hi.' } as const], maxTokens: 64, parameters: {} };
    await expect(complete(provider(sim, { stream }), { ...ours, request })).resolves.toMatchObject({
      content: text,
      served_model: model,
    });
    expect(await provider(sim).probe(5_000, 'default')).toEqual(['sim/small-1', 'sim/large-1']);
    expect(sim.ledger.totals()).toMatchObject({ calls: 2, answered: 2, failed: 0 });
  });

  test('takes a stream that breaks off for no answer', async () => {
    const sim = await start({ faults: [parseFaultRule('*=truncated')] });
    const error = await failureOf(complete(provider(sim, { stream: true }), ours));
    expect(error.code).toMatch(/^PROVIDER_(BAD_RESPONSE|UNREACHABLE)$/);
    expect(sim.ledger.totals()).toMatchObject({ answered: 0, failed: 1 });
  });

  test.each([true, false])('finds the error inside a 200 (streamed: %s)', async (stream) => {
    const sim = await start({ faults: [parseFaultRule('*=error-in-200')] });
    await expect(failureOf(complete(provider(sim, { stream }), ours))).resolves.toMatchObject({
      code: 'PROVIDER_FAILED',
    });
  });

  test('waits as long as the body says, which is the only place where Google says it', async () => {
    const sim = await start({ faults: [parseFaultRule('*=429,retry_after=7')] });
    await expect(failureOf(complete(provider(sim), ours))).resolves.toMatchObject({
      code: 'PROVIDER_RATE_LIMITED',
      details: { status: 429, retryAfterMs: 7_000 },
    });
  });

  test('knows a bad key behind the 400', async () => {
    const sim = await start({ apiKey: 'AIza-other' });
    await expect(failureOf(complete(provider(sim), ours))).resolves.toMatchObject({ code: 'PROVIDER_AUTH' });
  });
});
