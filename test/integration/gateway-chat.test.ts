import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { useGateway } from '../support/gateway.ts';
import { until } from '../support/harness.ts';

const open = useGateway();
const MESSAGES = [{ role: 'user' as const, content: 'Say hello.' }];

function clientOf(baseURL: string): OpenAI {
  return new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
}

describe('a chat completion', () => {
  test('is answered by a job, and names the model, the cost and the attempts', async () => {
    const { baseURL, usage } = await open();
    const { data, response } = await clientOf(baseURL)
      .chat.completions.create({ model: 'sluice/auto', messages: MESSAGES })
      .withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'sim/small',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant' } }],
    });
    const [record] = await usage();
    expect(record).toMatchObject({ lane: 'interactive', outcome: 'completed' });
    expect(data.usage).toMatchObject({
      prompt_tokens: record?.input_tokens,
      cost: (record?.cost_nanos ?? 0) / 1e9,
    });
    expect(response.headers.get('x-sluice-model')).toBe('small');
    expect(response.headers.get('x-sluice-attempts')).toBe('1');
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(response.headers.get('x-sluice-job-id')).toBe(record?.job_id);
  });

  test('falls back to the next model, and the headers tell how it came', async () => {
    const { baseURL } = await open({ faults: [{ model: 'sim/small', kind: 500, rate: 1 }] });
    const { response } = await clientOf(baseURL)
      .chat.completions.create({ model: 'sluice/auto', messages: MESSAGES })
      .withResponse();
    expect(response.headers.get('x-sluice-trail')).toBe('small PROVIDER_FAILED, medium completed');
  });

  test('is streamed piece by piece, with the usage where it was asked for', async () => {
    const { baseURL } = await open({
      profiles: { 'sim/small': { price: { input: 1, output: 4 }, latency: { p50_ms: 0, p95_ms: 0 } } },
      config: { models: { small: { provider: 'alpha', id: 'sim/small', price: { input: 1, output: 4 } } } },
    });
    const client = clientOf(baseURL);
    const whole = await client.chat.completions.create({ model: 'small', messages: MESSAGES });
    const stream = await client.chat.completions.create({
      model: 'small',
      messages: MESSAGES,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let pieces = 0;
    let usage: unknown;
    for await (const chunk of stream) {
      const piece = chunk.choices[0]?.delta.content ?? '';
      if (piece !== '') pieces += 1;
      text += piece;
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(pieces).toBeGreaterThan(1);
    expect(usage).toMatchObject({ total_tokens: whole.usage?.total_tokens, cost: expect.any(Number) as unknown });
  });
});

test('a client that goes away cancels its job and the call', async () => {
  const { post, sim, ledger, calls } = await open({
    profiles: { 'sim/small': { price: { input: 1, output: 4 }, latency: { p50_ms: 60_000, p95_ms: 60_000 } } },
    config: { models: { small: { provider: 'alpha', id: 'sim/small', price: { input: 1, output: 4 } } } },
  });
  const controller = new AbortController();
  const asking = post('/v1/chat/completions', { model: 'small', messages: MESSAGES }, { signal: controller.signal });
  await until('the call', () => sim.ledger.totals().calls === 1);
  controller.abort();
  await expect(asking).rejects.toThrow();
  await until('its end', () => calls().some(({ status }) => status === 'aborted'));
  await until('the books to be closed', async () => (await ledger.openAttempts()) === 0);
});
