import { request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { parseFaultRule } from '../../src/sim/faults.ts';
import { ask, profiles, prompt, read, start } from './sim-client.ts';

async function runDrill(seed: number): Promise<number[]> {
  const sim = await start({ seed, faults: ['*=503:0.3', '*=429:0.3'].map(parseFaultRule) });
  const statuses: number[] = [];
  for (let count = 0; count < 200; count += 1) {
    statuses.push((await ask(sim, prompt(`q${count % 20}`))).status);
  }
  return statuses;
}

describe('faults', () => {
  test.each([
    [400, 'invalid_request_error'],
    [429, 'requests'],
    [500, 'server_error'],
    [503, 'server_error'],
    [529, 'overloaded_error'],
  ])('%i has an error body in the shape of OpenAI and Retry-After when given', async (status, type) => {
    const sim = await start({ faults: [parseFaultRule(`*=${status},retry_after=2`)] });
    const failed = await ask(sim, prompt('x'));
    expect(failed.status).toBe(status);
    expect(failed.headers.get('retry-after')).toBe('2');
    expect(JSON.parse(failed.text)).toMatchObject({ error: { type, message: expect.any(String) } });
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, failed: 1, by_status: { [status]: 1 }, cost_nanos: 0 });
  });

  test('reset destroys the socket', async () => {
    const sim = await start({ faults: [parseFaultRule('sim/*=reset')] });
    await expect(ask(sim, prompt('x'))).rejects.toThrow('fetch failed');
    expect(sim.ledger.totals()).toMatchObject({ failed: 1, by_status: { reset: 1 } });
  });

  test('empty is a billed 200 without content', async () => {
    const sim = await start({ faults: [parseFaultRule('*=empty')] });
    const { content, usage } = read(await ask(sim, prompt('12345678')));
    expect(content).toBe('');
    expect(usage).toEqual({ prompt_tokens: 2, completion_tokens: 0, total_tokens: 2 });
    expect(sim.ledger.totals()).toMatchObject({ answered: 1, input_tokens: 2, output_tokens: 0, cost_nanos: 300 });
  });

  test('garbage is a 200 with HTML', async () => {
    const sim = await start({ faults: [parseFaultRule('*=garbage')] });
    const { status, text } = await ask(sim, prompt('x'));
    expect(status).toBe(200);
    expect(text).toMatch(/^<!doctype html>/);
    expect(sim.ledger.totals()).toMatchObject({ answered: 0, failed: 1, by_status: { 200: 1 } });
  });

  test('truncated cuts the JSON, or breaks the stream', async () => {
    const sim = await start({ faults: [parseFaultRule('*=truncated')] });
    const { status, text } = await ask(sim, prompt('x'));
    expect(status).toBe(200);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    await expect(ask(sim, prompt('x', { stream: true }))).rejects.toThrow('terminated');
    expect(sim.ledger.totals()).toMatchObject({ answered: 0, failed: 2 });
  });

  test('slow answers after its delay', async () => {
    const sim = await start({ faults: [parseFaultRule('*=slow,delay_ms=40')] });
    const startedAt = performance.now();
    expect((await ask(sim, prompt('x'))).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(38);
  });

  test('timeout never answers; the client that goes away is counted as aborted', async () => {
    const sim = await start({ faults: [parseFaultRule('*=timeout')] });
    const controller = new AbortController();
    const call = fetch(`${sim.url}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(prompt('x')),
      signal: controller.signal,
    });
    await expect.poll(() => sim.ledger.totals().calls, { interval: 2 }).toBe(1);
    expect(sim.ledger.totals()).toMatchObject({ answered: 0, failed: 0, aborted: 0 });
    controller.abort();
    await expect(call).rejects.toThrow('aborted');
    await expect.poll(() => sim.ledger.totals().aborted, { interval: 2 }).toBe(1);
    expect(sim.ledger.totals().by_status).toEqual({ aborted: 1 });
  });

  test('a client that goes away in the middle of a stream is counted as aborted, and pays for what was sent', async () => {
    const slow = { 'sim/small-1': { ...profiles['sim/small-1'], ms_per_output_token: 1_000 } };
    const sim = await start({ profiles: slow });
    await new Promise<void>((resolve, reject) => {
      const call = httpRequest(`${sim.url}/chat/completions`, { method: 'POST' }, (response) => {
        response.once('data', () => {
          call.destroy();
          resolve();
        });
        response.on('error', () => {});
      });
      call.once('error', reject);
      call.end(JSON.stringify(prompt('x', { stream: true })));
    });
    await expect.poll(() => sim.ledger.totals().aborted, { interval: 2 }).toBe(1);
    const totals = sim.ledger.totals();
    // The prompt, and no word of the answer yet.
    expect(totals).toMatchObject({ calls: 1, answered: 0, input_tokens: 1, output_tokens: 0 });
    expect(totals.cost_nanos).toBe(1_000 * profiles['sim/small-1'].price.input);
    expect(sim.ledger.calls()).toMatchObject([{ status: 'aborted', cost_nanos: totals.cost_nanos }]);
  });

  test('are put in place of those before while it runs; a list that is no list of texts changes nothing', async () => {
    const sim = await start({ faults: [parseFaultRule('*=503')] });
    const put = async (rules: unknown): Promise<{ status: number; body: unknown }> => {
      const url = new URL('/faults', sim.url);
      const response = await fetch(url, { method: 'PUT', body: JSON.stringify(rules) });
      return { status: response.status, body: await response.json() };
    };
    expect(await put(['*=429'])).toEqual({ status: 200, body: { status: 'set', rules: 1 } });
    expect((await ask(sim, prompt('x'))).status).toBe(429);
    for (const rules of [[{ model: '*', kind: '503' }], ['*=503', null], '*=503', null]) {
      const error = 'write a JSON list of texts such as ["*=429:0.5"]';
      expect(await put(rules)).toEqual({ status: 400, body: { error } });
    }
    expect((await ask(sim, prompt('x'))).status).toBe(429);
    expect(await put([])).toEqual({ status: 200, body: { status: 'set', rules: 0 } });
    expect((await ask(sim, prompt('x'))).status).toBe(200);
  });

  test('first=N rests after N requests of the models it fits', async () => {
    const sim = await start({ faults: [parseFaultRule('sim/small-1=503,first=2')] });
    expect((await ask(sim, prompt('x', { model: 'sim/large-1' }))).status).toBe(200);
    const statuses = [];
    for (let count = 0; count < 4; count += 1) statuses.push((await ask(sim, prompt('x'))).status);
    expect(statuses).toEqual([503, 503, 200, 200]);
  });

  test('rates add up and repeat with the seed, also for a prompt that is asked again', async () => {
    const first = await runDrill(3);
    expect(await runDrill(3)).toEqual(first);
    expect(await runDrill(4)).not.toEqual(first);
    for (const status of [503, 429]) {
      const share = first.filter((found) => found === status).length / first.length;
      expect(share).toBeGreaterThan(0.2);
      expect(share).toBeLessThan(0.4);
    }
    const ofOnePrompt = first.filter((_, index) => index % 20 === 0);
    expect(new Set(ofOnePrompt).size).toBeGreaterThan(1);
  });

  test("a model's own errors happen without any rule", async () => {
    const failing = {
      'sim/small-1': { ...profiles['sim/small-1'], errors: [{ status: 429, rate: 1, retry_after_s: 3 }] },
    };
    const { status, headers } = await ask(await start({ profiles: failing }), prompt('x'));
    expect([status, headers.get('retry-after')]).toEqual([429, '3']);
  });
});
