import Anthropic, {
  APIError,
  AnthropicError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { Sim } from '../../src/sim/server.ts';
import { ask, prompt, read, start } from './sim-client.ts';

/** Anthropic's own client is the judge of how the simulated provider speaks its API. */
function connect(sim: Sim, apiKey = 'key'): Anthropic {
  return new Anthropic({ apiKey, baseURL: new URL('/', sim.url).origin, maxRetries: 0 });
}

const REQUEST = {
  model: 'sim/small-1',
  max_tokens: 200,
  messages: [{ role: 'user', content: 'Tell me' }],
} satisfies Anthropic.MessageCreateParams;

const TOOL = {
  name: 'get_weather',
  input_schema: {
    type: 'object',
    properties: { city: { enum: ['Paris'] }, days: { type: 'integer', minimum: 1 } },
    required: ['city', 'days'],
  },
} satisfies Anthropic.Tool;

function textIn({ content }: Anthropic.Message): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

describe('the official client', () => {
  test('gets the message that is billed, the same that OpenAI’s API gives', async () => {
    const sim = await start();
    const message = await connect(sim).messages.create(REQUEST);
    expect(message).toMatchObject({
      id: expect.stringMatching(/^msg_/),
      type: 'message',
      role: 'assistant',
      model: 'sim/small-1',
      stop_reason: 'end_turn',
      usage: { input_tokens: 2, output_tokens: expect.any(Number) },
    });
    expect(sim.ledger.totals()).toMatchObject({
      calls: 1,
      answered: 1,
      input_tokens: message.usage.input_tokens,
      output_tokens: message.usage.output_tokens,
    });
    expect(textIn(message)).toBe(read(await ask(sim, prompt('Tell me', { max_tokens: 200 }))).content);
  });

  test('gets the same message streamed, with the request’s id', async () => {
    const sim = await start();
    const client = connect(sim);
    const { data: whole, request_id: requestId } = await client.messages.create(REQUEST).withResponse();
    expect(requestId).toMatch(/^req_/);
    const pieces: string[] = [];
    const stream = client.messages.stream(REQUEST).on('text', (piece) => pieces.push(piece));
    const streamed = await stream.finalMessage();
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(textIn(whole));
    const { id: _id, ...rest } = whole;
    expect(streamed).toMatchObject(rest);
    expect(sim.ledger.totals()).toMatchObject({ answered: 2, output_tokens: 2 * whole.usage.output_tokens });
  });

  test('has its system prompt and all parts of its conversation counted', async () => {
    const { usage } = await connect(await start()).messages.create({
      ...REQUEST,
      system: 'abcd',
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'efgh' }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'ijkl' }] },
      ],
    });
    expect(usage.input_tokens).toBe(3);
  });

  test.each([{ type: 'any' }, { type: 'tool', name: 'get_weather' }] as const)(
    'has a tool called when it insists on it (%o), whole and streamed',
    async (tool_choice) => {
      const client = connect(await start());
      const request = { ...REQUEST, tools: [TOOL], tool_choice };
      const messages = [await client.messages.create(request), await client.messages.stream(request).finalMessage()];
      for (const message of messages) {
        expect(message.stop_reason).toBe('tool_use');
        expect(message.content).toMatchObject([
          {
            type: 'tool_use',
            id: expect.stringMatching(/^toolu_/),
            name: 'get_weather',
            input: { city: 'Paris', days: expect.any(Number) },
          },
        ]);
      }
    },
  );

  test('gets a text when it leaves the choice to the model', async () => {
    const message = await connect(await start()).messages.create({ ...REQUEST, tools: [TOOL] });
    expect(message.stop_reason).toBe('end_turn');
    expect(textIn(message)).not.toBe('');
  });

  test('gets JSON by its schema', async () => {
    const format = { type: 'json_schema' as const, schema: { ...TOOL.input_schema, additionalProperties: false } };
    const message = await connect(await start()).messages.create({ ...REQUEST, output_config: { format } });
    expect(JSON.parse(textIn(message))).toEqual({ city: 'Paris', days: expect.any(Number) });
  });

  test('is told when the answer was cut', async () => {
    const message = await connect(await start()).messages.create({ ...REQUEST, max_tokens: 3 });
    expect(message).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 3 } });
    expect(textIn(message)).toHaveLength(12);
  });

  test('lists the models', async () => {
    const { data } = await connect(await start()).models.list();
    expect(data.map(({ id }) => id)).toEqual(['sim/small-1', 'sim/large-1']);
  });
});

describe('what fails', () => {
  test.each([
    [400, BadRequestError, 'invalid_request_error'],
    [401, AuthenticationError, 'authentication_error'],
    [402, APIError, 'billing_error'],
    [403, PermissionDeniedError, 'permission_error'],
    [429, RateLimitError, 'rate_limit_error'],
    [500, InternalServerError, 'api_error'],
    [529, InternalServerError, 'overloaded_error'],
  ] as const)('as %i is the client’s error for it', async (status, kind, type) => {
    const sim = await start({ faults: [parseFaultRule(`*=${status},retry_after=7`)] });
    const error = await connect(sim)
      .messages.create(REQUEST)
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    expect(error).toBeInstanceOf(kind);
    if (!(error instanceof APIError)) throw error;
    expect(error).toMatchObject({ status, type, requestID: expect.stringMatching(/^req_/) });
    expect(error.headers?.get('retry-after')).toBe('7');
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, failed: 1, cost_nanos: 0 });
  });

  test('a wrong key, an unknown model and a bad request', async () => {
    const sim = await start({ apiKey: 'right' });
    await expect(connect(sim, 'wrong').messages.create(REQUEST)).rejects.toThrow(AuthenticationError);
    await expect(connect(sim, 'wrong').models.list()).rejects.toThrow(AuthenticationError);
    const client = connect(sim, 'right');
    await expect(client.messages.create({ ...REQUEST, model: 'none' })).rejects.toThrow(NotFoundError);
    await expect(client.messages.create({ ...REQUEST, messages: [] })).rejects.toThrow(BadRequestError);
    await expect(client.messages.create(REQUEST)).resolves.toMatchObject({ type: 'message' });
    expect(sim.ledger.totals()).toMatchObject({ calls: 4, answered: 1, failed: 3 });
  });

  test('a stream that is cut off is no message', async () => {
    const sim = await start({ faults: [parseFaultRule('*=truncated')] });
    await expect(connect(sim).messages.stream(REQUEST).finalMessage()).rejects.toThrow(AnthropicError);
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, answered: 0, failed: 1 });
  });
});
