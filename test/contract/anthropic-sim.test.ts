import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/domain/errors.ts';
import type { SamplingParameters } from '../../src/domain/request.ts';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { Sim, SimOptions } from '../../src/sim/server.ts';
import { complete, connectProvider, failureOf, MODEL, REQUEST } from '../support/upstream.ts';
import { profiles, start } from './sim-client.ts';

/** What we make of Anthropic's API against the simulated provider, whose ledger is the auditor. */

const latency = { p50_ms: 0, p95_ms: 0 };
const CLAUDE = 'claude-sonnet-5';

function startBoth(options: Partial<SimOptions> = {}): Promise<Sim> {
  return start({
    apiKey: 'sk-sim',
    profiles: { ...profiles, [CLAUDE]: { price: { input: 2, output: 10 }, latency } },
    ...options,
  });
}

function connect(sim: Sim, stream: boolean): ReturnType<typeof connectProvider> {
  return connectProvider(sim.url, { kind: 'anthropic', api_key: 'sk-sim', stream });
}

/** A model that can be bound to a schema, and one that has to be given a tool. */
const MODELS = [CLAUDE, 'sim/small-1'];
const WAYS = MODELS.flatMap((id) => [[id, false] as const, [id, true] as const]);

describe.each(WAYS)('%s, streamed: %s', (id, stream) => {
  const ask = (sim: Sim, parameters: SamplingParameters = {}): ReturnType<typeof complete> =>
    complete(connect(sim, stream), { model: { ...MODEL, id }, request: { ...REQUEST, parameters } });

  test('an answer is billed as it was counted', async () => {
    const sim = await startBoth();
    const { content, finish_reason: reason, usage, served_model: served } = await ask(sim);
    expect([reason, served]).toEqual(['stop', id]);
    expect(content).not.toBe('');
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, answered: 1, ...usage });
    expect(sim.ledger.calls()).toMatchObject([{ request_id: 'j-1:1', model: id }]);
  });

  test('a tool that has to be called is', async () => {
    const parameters = { properties: { city: { enum: ['Paris'] } }, required: ['city'] };
    const tools = [{ type: 'function' as const, function: { name: 'look', parameters } }];
    expect(await ask(await startBoth(), { tools, tool_choice: 'required' })).toMatchObject({
      content: null,
      finish_reason: 'tool_calls',
      tool_calls: [{ type: 'function', function: { name: 'look', arguments: '{"city":"Paris"}' } }],
    });
  });

  test('JSON comes as the content, with a schema and without', async () => {
    const sim = await startBoth();
    const free = await ask(sim, { response_format: { type: 'json_object' } });
    expect(JSON.parse(free.content ?? '')).toEqual(expect.any(Object));
    const schema = { type: 'object', properties: { city: { enum: ['Paris'] } }, required: ['city'] };
    const bound = await ask(sim, { response_format: { type: 'json_schema', json_schema: { name: 'place', schema } } });
    expect(bound).toMatchObject({ content: '{"city":"Paris"}', finish_reason: 'stop' });
    expect(bound).not.toHaveProperty('tool_calls');
  });

  test.each<[string, ErrorCode]>([
    ['400', 'REQUEST_REJECTED'],
    ['401', 'PROVIDER_AUTH'],
    ['402', 'PROVIDER_QUOTA'],
    ['404', 'MODEL_NOT_FOUND'],
    ['429,retry_after=7', 'PROVIDER_RATE_LIMITED'],
    ['500', 'PROVIDER_FAILED'],
    ['529', 'PROVIDER_OVERLOADED'],
    ['truncated', 'PROVIDER_BAD_RESPONSE'],
    ['empty', 'PROVIDER_BAD_RESPONSE'],
    ['garbage', 'PROVIDER_BAD_RESPONSE'],
  ])('%s is %s', async (fault, code) => {
    const sim = await startBoth({ faults: [parseFaultRule(`*=${fault}`)] });
    const error = await failureOf(ask(sim));
    // A stream that is cut off may also arrive as a connection that broke.
    if (error.code !== 'PROVIDER_UNREACHABLE' || fault !== 'truncated' || !stream) expect(error.code).toBe(code);
    if (fault.startsWith('429')) expect(error.details.retryAfterMs).toBe(7_000);
    expect(sim.ledger.totals()).toMatchObject({ calls: 1 });
  });
});

test('the probe reads the models, and notices a wrong key', async () => {
  const sim = await startBoth();
  await expect(connect(sim, false).probe(1_000, 'default')).resolves.toEqual([...Object.keys(profiles), CLAUDE]);
  const wrong = connectProvider(sim.url, { kind: 'anthropic', api_key: 'wrong' });
  await expect(wrong.probe(1_000, 'default')).rejects.toMatchObject({ code: 'PROVIDER_AUTH' });
});
