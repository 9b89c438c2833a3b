import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { threeModels, until, useHarness } from '../support/harness.ts';
import { attemptsOf, useOneJob } from '../support/run-one.ts';

const open = useHarness();
const runOne = useOneJob();

/** A provider whose models find the context too short when they are asked, whatever their window is said to be. */
async function startShortProvider(shortModels: readonly string[]): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    void answer(request, response, shortModels);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, close: () => server.close() };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  shortModels: readonly string[],
): Promise<void> {
  const { model } = JSON.parse(await text(request)) as { model: string };
  const isShort = shortModels.includes(model);
  response.writeHead(isShort ? 400 : 200, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(isShort ? TOO_LONG : ANSWER));
}

const TOO_LONG = { error: { message: 'too long', type: 'invalid_request_error', code: 'context_length_exceeded' } };
const ANSWER = {
  choices: [{ message: { role: 'assistant', content: 'four' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 1 },
};

describe('a context that proves too short', () => {
  test.each([
    { models: ['medium', 'small', 'large'], attempts: ['medium CONTEXT_TOO_LONG', 'large completed'] },
    { models: ['medium', 'small'], attempts: ['medium CONTEXT_TOO_LONG'] },
  ])('of $models goes on with larger windows only', async ({ models, attempts }) => {
    const provider = await startShortProvider(['sim/small', 'sim/medium']);
    try {
      const own = { base_url: provider.url, allow_private: true };
      const { result } = await runOne([], { models }, { providers: { alpha: own, beta: own } });
      expect(attemptsOf(result)).toEqual(attempts);
      expect(result.status).toBe(attempts.length === 2 ? 'completed' : 'failed');
    } finally {
      provider.close();
    }
  });
});

describe('limits of a job', () => {
  test('a prompt too long for a model goes to one with a larger window, without a call', async () => {
    const { result } = await runOne([], { prompt: 'word '.repeat(10_000) });
    expect(attemptsOf(result)).toEqual(['medium completed']);
  });

  test('an answer allowed to cost less than any model may cost ends the job with a line that helps, uncalled', async () => {
    const { result, sim, usage } = await runOne([], { max_cost_usd: 0.000001 });
    expect(result).toMatchObject({
      status: 'failed',
      error: {
        code: 'NO_ELIGIBLE_MODEL',
        message: expect.stringMatching(/max_cost_usd \$0\.000001.*cheapest.* at up to \$/) as unknown,
      },
      attempts: [],
    });
    expect(sim.ledger.totals().calls).toBe(0);
    expect(await usage()).toEqual([]);
  });

  test('a pinned model is the only one asked', async () => {
    const { result, calls } = await runOne([{ model: 'sim/large', kind: 404, rate: 1 }], { model: 'large' });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'MODEL_NOT_FOUND' } });
    expect(calls().map((call) => call.model)).toEqual(['sim/large']);
  });

  test('a job whose deadline has passed while it waited is not called', async () => {
    const harness = await open();
    const { producer, startPool, sim } = harness;
    const { id } = await producer.enqueue({ prompt: 'hello', deadline_ms: 1 });
    const late = Date.now() + 2;
    await until('the deadline', () => Date.now() > late);
    await startPool();
    const result = await producer.waitFor(id, { timeoutMs: 5_000 });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'DEADLINE_EXCEEDED' }, attempts: [] });
    expect(sim.ledger.totals().calls).toBe(0);
  });

  describe('that no model can keep', () => {
    const routing = { strategy: 'order' as const, default_max_tokens: 256, on_no_candidate: 'relax-latency' as const };
    /** The models are said to take two seconds. */
    const hurried = { max_latency_ms: 100, max_attempts: 1 };

    test('do not cut off the call that is made all the same', async () => {
      const slow = { model: 'sim/small', kind: 'slow' as const, rate: 1, delayMs: 400 };
      const { result } = await runOne([slow], hurried, { routing });
      expect(attemptsOf(result)).toEqual(['small completed']);
      expect(result.attempts[0]?.latency_ms).toBeGreaterThanOrEqual(400);
    });

    test('leave the deadline, at which it is', async () => {
      const silent = { model: '*', kind: 'timeout' as const, rate: 1 };
      const { result } = await runOne([silent], { ...hurried, deadline_ms: 600 }, { routing });
      expect(attemptsOf(result)).toEqual(['small PROVIDER_TIMEOUT']);
      expect(result.attempts[0]?.latency_ms).toBeGreaterThan(hurried.max_latency_ms);
    });
  });

  test('a call is cut off at the deadline, and nothing is tried after it', async () => {
    const { result } = await runOne([{ model: '*', kind: 'timeout', rate: 1 }], { deadline_ms: 400 });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'DEADLINE_EXCEEDED' } });
    expect(attemptsOf(result)).toEqual(['small PROVIDER_TIMEOUT']);
    expect(result.total_ms).toBeLessThan(3_000);
  });

  test.each([
    { limit: "the job's own limit tells other jobs nothing about the model", timeout: 20_000, observed: [] },
    { limit: "the provider's limit counts against the model", timeout: 250, observed: ['-1'] },
  ])('a call that is cut off by $limit', async ({ timeout, observed }) => {
    const { run, startPool, redis, keys, config } = await open({
      faults: [{ model: 'sim/small', kind: 'timeout', rate: 1 }],
      config: { models: FAST_MODELS },
    });
    const providers = Object.entries(config.providers).map(([name, provider]) => [name, { ...provider, timeout }]);
    await startPool({ config: { ...config, providers: Object.fromEntries(providers) as typeof config.providers } });
    const [result] = await run([{ prompt: 'hello', max_latency_ms: 300 }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_TIMEOUT', 'medium completed']);
    expect(await redis.lrange(keys.latencies('small'), 0, -1)).toEqual(observed);
  });
});

const FAST_MODELS = Object.fromEntries(
  Object.entries(threeModels()).map(([alias, model]) => [alias, { ...model, latency: { p50: '1ms', p95: '5ms' } }]),
);
