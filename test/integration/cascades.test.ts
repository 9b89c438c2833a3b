import { describe, expect, test } from 'vitest';
import type { FaultRule } from '../../src/sim/faults.ts';
import { threeModels, useHarness } from '../support/harness.ts';
import { attemptsOf, useOneJob } from '../support/run-one.ts';

const open = useHarness();
const runOne = useOneJob();

const spoilt = (kind: FaultRule['kind'], model = 'sim/small'): FaultRule => ({ model, kind, rate: 1 });
/** As in the harness, able to answer with JSON. */
const MODELS = {
  models: Object.fromEntries(
    Object.entries(threeModels()).map(([alias, model]) => [alias, { ...model, capabilities: ['json' as const] }]),
  ),
};
const OBJECT = { response_format: { type: 'json_object' } };
const CITY = {
  response_format: {
    type: 'json_schema',
    json_schema: { name: 'city', schema: { type: 'object', properties: { name: { type: 'string' } } } },
  },
};

describe('an answer that fails its check', () => {
  test.each([
    { check: 'json', kind: 'chatter', job: OBJECT },
    { check: 'schema', kind: 'chatter', job: CITY },
    { check: 'refusal', kind: 'refusal', job: {} },
    { check: 'truncated', kind: 'cut-off', job: {} },
  ] as const)('for $check is paid for, and the next model asked', async ({ check, kind, job }) => {
    const { result, usage, sim, money } = await runOne([spoilt(kind)], { ...job, validate: [check] }, MODELS);
    expect(attemptsOf(result)).toEqual(['small ANSWER_INVALID', 'medium completed']);
    const records = await usage();
    expect(records).toMatchObject([
      { model: 'small', outcome: 'failed', error_code: 'ANSWER_INVALID' },
      { model: 'medium', outcome: 'completed' },
    ]);
    // The provider's own bill is the judge.
    expect(records[0]?.cost_nanos).toBeGreaterThan(0);
    expect(records[0]?.output_tokens).toBeGreaterThan(0);
    expect(result.cost_nanos).toBe(sim.ledger.totals().cost_nanos);
    expect((await money()).spentNanos).toBe(result.cost_nanos);
  });

  test('is not asked of the same model in another place', async () => {
    const [small, medium] = [MODELS.models['small'], MODELS.models['medium']];
    const elsewhere = { ...medium, deployment_of: 'small' };
    const models = { small: { ...small, deployment_of: 'small' }, medium: elsewhere, large: MODELS.models['large'] };
    const { result } = await runOne([spoilt('chatter')], { ...OBJECT, validate: ['json'] }, {
      models,
    } as typeof MODELS);
    expect(attemptsOf(result)).toEqual(['small ANSWER_INVALID', 'large completed']);
  });

  test('counts as it is where nobody asked for a check', async () => {
    const { result } = await runOne([spoilt('chatter')], OBJECT, MODELS);
    expect(attemptsOf(result)).toEqual(['small completed']);
  });

  test('of the last model ends the job, with the answers that were paid for', async () => {
    const { result, sim } = await runOne([spoilt('refusal', '*')], { validate: ['refusal'] });
    expect(attemptsOf(result)).toEqual(['small ANSWER_INVALID', 'medium ANSWER_INVALID', 'large ANSWER_INVALID']);
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'ANSWER_INVALID', message: "no answer passed the job's checks; asked: small, medium, large" },
    });
    expect(result.cost_nanos).toBe(sim.ledger.totals().cost_nanos);
  });

  test('beside other failures ends the job with all of them', async () => {
    const { result } = await runOne([spoilt('refusal'), spoilt(503, 'sim/medium')], {
      validate: ['refusal'],
      max_attempts: 2,
    });
    expect(result).toMatchObject({
      error: { code: 'CHAIN_EXHAUSTED', message: expect.stringMatching(/small ANSWER_INVALID, medium PROVIDER_/) },
    });
  });

  test("never repeats the answer's words", async () => {
    const { result, usage } = await runOne([spoilt('refusal', '*')], { validate: ['refusal'], model: 'small' });
    expect(result).toMatchObject({
      error: { code: 'ANSWER_INVALID', message: 'the answer of small failed the check "refusal"' },
    });
    expect(JSON.stringify([result, await usage()])).not.toMatch(/sorry/i);
  });
});

describe('a task with checks', () => {
  const config = { ...MODELS, tasks: { extraction: { validate: ['json' as const] } } };

  test('has the answers of its jobs checked', async () => {
    const { result } = await runOne([spoilt('chatter')], { ...OBJECT, task: 'extraction' }, config);
    expect(attemptsOf(result)).toEqual(['small ANSWER_INVALID', 'medium completed']);
  });

  test.each([{ model: 'small' }, { models: ['small', 'medium'], max_attempts: 1 }])(
    'leaves a job that compares models its answer: %j',
    async (job) => {
      const { result } = await runOne([spoilt('chatter')], { ...OBJECT, task: 'extraction', ...job }, config);
      expect(attemptsOf(result)).toEqual(['small completed']);
    },
  );
});

test('models whose answers fail their checks are not left alone, and are known by how long they took', async () => {
  const harness = await open({
    faults: [spoilt('refusal')],
    config: { circuit: { failures: 2, failure_share: 0.1, cooldown: '5m' } },
  });
  await harness.startPool();
  const results = await harness.run(
    Array.from({ length: 8 }, (_, row) => ({ prompt: `row ${row}`, validate: ['refusal' as const] })),
  );
  for (const result of results) expect(attemptsOf(result)).toEqual(['small ANSWER_INVALID', 'medium completed']);
  const observed = await harness.redis.lrange(harness.keys.latencies('small'), 0, -1);
  expect(observed).toHaveLength(8);
  expect(observed.every((latency) => Number(latency) >= 0)).toBe(true);
  expect(await harness.redis.hgetall(harness.keys.closedGates)).toEqual({});
});

describe('the cache', () => {
  const config = {
    ...MODELS,
    cache: { enabled: true },
    routing: { strategy: 'order' as const, default_max_tokens: 256 },
  };
  const job = { prompt: 'the same', temperature: 0, response_format: { type: 'json_object' as const } };
  const checked = { ...job, validate: ['json' as const] };

  test('keeps no answer that failed its check, and shares none with those who wait for it', async () => {
    const harness = await open({ faults: [spoilt('chatter')], config });
    await harness.startPool();
    const results = await harness.run(Array.from({ length: 4 }, () => checked));
    for (const result of results) expect(attemptsOf(result).at(-1)).toMatch(/^medium (completed|cached)$/);
    expect(results.every((result) => attemptsOf(result)[0] === 'small ANSWER_INVALID')).toBe(true);
    expect(harness.calls().filter((call) => call.model === 'sim/medium')).toHaveLength(1);
  });

  test('gives an unchecked answer to nobody who asked for a check', async () => {
    const harness = await open({ faults: [spoilt('chatter')], config });
    await harness.startPool();
    const [unchecked] = await harness.run([job]);
    const [mine] = await harness.run([checked]);
    expect(attemptsOf(unchecked)).toEqual(['small completed']);
    expect(attemptsOf(mine)).toEqual(['small ANSWER_INVALID', 'medium completed']);
  });
});
