import { describe, expect, test } from 'vitest';
import type { SimAnswers } from '../../src/sim/answers.ts';
import { parseFaultRule } from '../../src/sim/faults.ts';
import { type Sim, startSim } from '../../src/sim/server.ts';
import { ask, profiles, prompt, read, start } from './sim-client.ts';

describe('chat completions', () => {
  test('has the shape of OpenAI, with usage by the rule of four characters a token', async () => {
    const answered = await ask(await start(), prompt('12345'));
    expect(answered.status).toBe(200);
    expect(answered.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(answered.text)).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'sim/small-1',
      choices: [{ index: 0, message: { role: 'assistant', content: expect.any(String) }, finish_reason: 'stop' }],
    });
    const { content, usage } = read(answered);
    expect(usage.prompt_tokens).toBe(2);
    expect(usage.completion_tokens).toBe(Math.ceil(content.length / 4));
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
  });

  test.each(['max_tokens', 'max_completion_tokens'])('%s cuts the answer', async (name) => {
    const { content, finishReason, usage } = read(await ask(await start(), prompt('Tell me', { [name]: 3 })));
    expect(finishReason).toBe('length');
    expect(content).toHaveLength(12);
    expect(usage.completion_tokens).toBe(3);
  });

  test('counts the text of every message and of content parts', async () => {
    const messages = [
      { role: 'system', content: 'abcd' },
      { role: 'user', content: [{ type: 'text', text: 'efgh' }] },
    ];
    const { usage } = read(await ask(await start(), { model: 'sim/small-1', messages }));
    expect(usage.prompt_tokens).toBe(2);
  });

  test('response_format json_schema gives an object with the required properties by type', async () => {
    const schema = {
      type: 'object',
      required: ['total', 'paid', 'kind', 'lines'],
      properties: {
        total: { type: 'integer', minimum: 5 },
        paid: { type: 'boolean' },
        kind: { enum: ['a', 'b'] },
        lines: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
        note: { type: 'string' },
      },
    };
    const format = { response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } };
    const value: unknown = JSON.parse(read(await ask(await start(), prompt('Give it', format))).content);
    expect(value).toEqual({
      total: expect.any(Number),
      paid: expect.any(Boolean),
      kind: expect.stringMatching(/^[ab]$/),
      lines: [{ name: expect.any(String) }],
    });
  });

  test('response_format json_object gives JSON', async () => {
    const { content } = read(await ask(await start(), prompt('x', { response_format: { type: 'json_object' } })));
    expect(() => JSON.parse(content) as unknown).not.toThrow();
  });

  test('a stream ends with the finish reason, the usage when asked for, and [DONE]', async () => {
    const sim = await start();
    const whole = read(await ask(sim, prompt('Stream it')));
    const options = { stream: true, stream_options: { include_usage: true } };
    const streamed = await ask(sim, prompt('Stream it', options));
    expect(streamed.headers.get('content-type')).toBe('text/event-stream');
    const events = streamed.text.trimEnd().split('\n\n');
    expect(events.pop()).toBe('data: [DONE]');
    const chunks = events.map(
      (event) =>
        JSON.parse(event.replace('data: ', '')) as {
          object: string;
          choices: { delta: { content?: string }; finish_reason: string | null }[];
          usage: unknown;
        },
    );
    expect(chunks.every(({ object }) => object === 'chat.completion.chunk')).toBe(true);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(whole.content);
    expect(sim.ledger.totals()).toMatchObject({ answered: 2, output_tokens: 2 * whole.usage.completion_tokens });
  });

  test('a stream without stream_options tells no usage', async () => {
    const { text } = await ask(await start(), prompt('Stream it', { stream: true }));
    expect(text).not.toContain('usage');
  });

  test('lists its models', async () => {
    const sim = await start();
    const list = (await (await fetch(`${sim.url}/models`)).json()) as { object: string; data: { id: string }[] };
    expect(list.object).toBe('list');
    expect(list.data.map(({ id }) => id)).toEqual(['sim/small-1', 'sim/large-1']);
  });
});

describe('refusals', () => {
  test.each([
    ['an unknown model', prompt('x', { model: 'sim/none' }), 404, 'model_not_found'],
    ['a model named like a property of every object', prompt('x', { model: 'constructor' }), 404, 'model_not_found'],
    ['malformed JSON', '{"model":', 400, null],
    ['no messages', { model: 'sim/small-1', messages: [] }, 400, null],
  ])('%s is refused in the shape of OpenAI', async (_name, body, status, code) => {
    const sim = await start();
    const refused = await ask(sim, body);
    expect(refused.status).toBe(status);
    expect(JSON.parse(refused.text)).toEqual({
      error: {
        message: expect.any(String),
        type: 'invalid_request_error',
        param: status === 404 ? 'model' : null,
        code,
      },
    });
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, failed: 1, by_status: { [status]: 1 }, cost_nanos: 0 });
  });

  test('a key is wanted only when one is set', async () => {
    const sim = await start({ apiKey: 'right' });
    const refused = await ask(sim, prompt('x'), { authorization: 'Bearer wrong' });
    expect(refused.status).toBe(401);
    expect(JSON.parse(refused.text)).toMatchObject({ error: { code: 'invalid_api_key' } });
    expect((await fetch(`${sim.url}/models`)).status).toBe(401);
    expect((await ask(sim, prompt('x'), { authorization: 'Bearer right' })).status).toBe(200);
  });

  test('an unknown path is 404 and the health check answers', async () => {
    const sim = await start();
    expect((await fetch(`${sim.url}/nothing`)).status).toBe(404);
    expect((await fetch(new URL('/healthz', sim.url))).status).toBe(200);
  });

  test('a taken port and bad profiles are told in one line', async () => {
    const sim = await start();
    await expect(startSim({ profiles, port: sim.port })).rejects.toThrow(/^simulated provider: 127.0.0.1:\d+ is taken/);
    const bad = { 'sim/x': { price: { input: -1, output: 1 }, latency: { p50_ms: 1, p95_ms: 1 } } };
    await expect(startSim({ profiles: bad })).rejects.toThrow(/^model profiles\["sim\/x"\]\["price"\]\["input"\]: .+$/);
  });
});

describe('answers', () => {
  const answers: SimAnswers = new Map(
    Array.from({ length: 200 }, (_, index) => [`q${index}`, { task: 'coding', answer: 'right', wrong: 'wrong' }]),
  );
  const skilled = {
    'sim/small-1': { ...profiles['sim/small-1'], skill: { default: 0, coding: 0.7 } },
  };

  async function askAll(sim: Sim): Promise<string[]> {
    return Promise.all([...answers.keys()].map(async (text) => read(await ask(sim, prompt(` ${text}\n`))).content));
  }

  test('are right as often as the skill for the task says, the same in every run of a seed', async () => {
    const first = await askAll(await start({ profiles: skilled, answers, seed: 7 }));
    const again = await askAll(await start({ profiles: skilled, answers, seed: 7 }));
    const other = await askAll(await start({ profiles: skilled, answers, seed: 8 }));
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    const right = first.filter((answer) => answer === 'right').length;
    expect(right).toBeGreaterThan(115);
    expect(right).toBeLessThan(165);
  });

  test('filler depends on the prompt and the seed alone', async () => {
    const sim = await start({ seed: 1 });
    const first = read(await ask(sim, prompt('a'))).content;
    expect(read(await ask(sim, prompt('a'))).content).toBe(first);
    expect(read(await ask(sim, prompt('b'))).content).not.toBe(first);
    expect(read(await ask(await start({ seed: 2 }), prompt('a'))).content).not.toBe(first);
  });
});

describe('the ledger', () => {
  test('is the sum of what the clients were told, by model, in exact nano-dollars', async () => {
    const sim = await start();
    const small = read(await ask(sim, prompt('one'), { 'x-request-id': 'r-1' })).usage;
    const large = read(await ask(sim, prompt('two', { model: 'sim/large-1' }), { 'x-request-id': 'r-2' })).usage;
    const smallNanos = small.prompt_tokens * 150 + small.completion_tokens * 600;
    const largeNanos = large.prompt_tokens * 2_500 + large.completion_tokens * 10_000;

    const totals: unknown = await (await fetch(new URL('/ledger', sim.url))).json();
    expect(totals).toMatchObject({
      calls: 2,
      answered: 2,
      failed: 0,
      aborted: 0,
      by_status: { 200: 2 },
      by_model: { 'sim/small-1': { cost_nanos: smallNanos }, 'sim/large-1': { calls: 1, cost_nanos: largeNanos } },
      input_tokens: small.prompt_tokens + large.prompt_tokens,
      output_tokens: small.completion_tokens + large.completion_tokens,
      cost_nanos: smallNanos + largeNanos,
    });
    const lines = (await (await fetch(new URL('/ledger/calls', sim.url))).text()).trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { request_id: 'r-1', model: 'sim/small-1', status: 200, cost_nanos: smallNanos },
      { request_id: 'r-2', model: 'sim/large-1', status: 200, cost_nanos: largeNanos },
    ]);
  });

  test('keeps only the last calls and forgets all on reset', async () => {
    const sim = await start({ keepCalls: 2 });
    for (const id of ['a', 'b', 'c', 'd', 'e']) await ask(sim, prompt(id), { 'x-request-id': id });
    expect(sim.ledger.calls().map((call) => call.request_id)).toEqual(['d', 'e']);
    await fetch(new URL('/ledger/reset', sim.url), { method: 'POST' });
    expect(sim.ledger.totals()).toMatchObject({ calls: 0, cost_nanos: 0, by_model: {} });
    expect(sim.ledger.calls()).toEqual([]);
  });

  test('stop ends hanging calls and may be called twice', async () => {
    const sim = await start({ faults: [parseFaultRule('*=timeout')] });
    const call = ask(sim, prompt('x'));
    const settled = expect(call).rejects.toThrow('fetch failed');
    await expect.poll(() => sim.ledger.totals().calls, { interval: 2 }).toBe(1);
    await Promise.all([sim.stop(), sim.stop()]);
    await settled;
  });
});
