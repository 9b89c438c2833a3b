import { describe, expect, it, vi } from 'vitest';
import type { Strategy } from '../../src/domain/job.ts';
import { createRouter, type Knowledge, type Route, type RouteQuestion } from '../../src/router/index.ts';
import { configOf, knowledgeWith, MODELS, NOW, questionWith, seededRandom } from './router-fixture.ts';

const router = createRouter(configOf());
const aliasesOf = (route: Route): string[] => route.chain.map((candidate) => candidate.model.alias);
const ask = (question: Partial<RouteQuestion>, knowledge: Partial<Knowledge> = {}): Route =>
  router.route(questionWith(question), knowledgeWith(knowledge));

describe('who is left out', () => {
  // 1,000 prompt tokens at the most and 1,000 of answer: nano 500,000, mid 5,000,000, big 50,000,000 nano-dollars.
  it.each<[string, Partial<RouteQuestion>, Partial<Knowledge>, object[]]>([
    [
      'models that the job does not name',
      { models: ['mid'] },
      {},
      [
        { alias: 'big', reason: 'not-allowed' },
        { alias: 'nano', reason: 'not-allowed' },
      ],
    ],
    ['models that were tried', { tried: ['mid'] }, {}, [{ alias: 'mid', reason: 'tried' }]],
    [
      'models of a provider whose key failed',
      { avoidProviders: ['west'] },
      {},
      [{ alias: 'mid', reason: 'provider-avoided', actual: 'west' }],
    ],
    [
      'models that lack a capability',
      { needs: ['json', 'tools'] },
      {},
      [{ alias: 'nano', reason: 'capability', limit: 'tools' }],
    ],
    [
      'models whose context the prompt and the answer will probably exceed',
      { inputTokens: { expected: 127_001, bound: 254_000 }, models: ['nano'] },
      {},
      [
        { alias: 'big', reason: 'not-allowed' },
        { alias: 'mid', reason: 'not-allowed' },
        { alias: 'nano', reason: 'context', limit: 128_000, actual: 128_001 },
      ],
    ],
    [
      'models whose bound is above the cost limit',
      { maxCostNanos: 5_000_000 },
      {},
      [{ alias: 'big', reason: 'cost', limit: 5_000_000, actual: 50_000_000 }],
    ],
    [
      'models whose 95th percentile is above the latency limit',
      { maxLatencyMs: 2_000 },
      {},
      [{ alias: 'big', reason: 'latency', limit: 2_000, actual: 9_000 }],
    ],
    [
      'models that are benched, with the time at which they come back',
      {},
      { benchedUntil: new Map([['nano', NOW + 5_000]]) },
      [{ alias: 'nano', reason: 'benched', limit: NOW, actual: NOW + 5_000 }],
    ],
  ])('%s', (_, question, knowledge, dropped) => {
    expect(ask(question, knowledge).dropped).toEqual(dropped);
  });

  it('a bound exactly at a limit is within it', () => {
    const route = ask({ maxCostNanos: 500_000, inputTokens: { expected: 1, bound: 1_000 }, maxLatencyMs: 900 });
    expect(aliasesOf(route)).toEqual(['nano']);
    expect(route.chain[0]?.boundNanos).toBe(500_000);
    const wide = ask({ inputTokens: { expected: 127_000, bound: 254_000 } });
    expect(wide.dropped).toEqual([]);
  });

  it('after a context that was too short only a larger one will do', () => {
    const models = { ...MODELS, wide: { ...MODELS['nano']!, context: 128_001 } };
    const route = createRouter(configOf({ models })).route(
      questionWith({ minContextTokens: 128_000 }),
      knowledgeWith(),
    );
    expect(aliasesOf(route)).toEqual(['wide']);
    expect(route.dropped[0]).toEqual({
      alias: 'big',
      reason: 'context-not-larger',
      limit: 128_000,
      actual: 128_000,
    });
  });

  it('a bench that has passed holds nobody back', () => {
    expect(ask({}, { benchedUntil: new Map([['nano', NOW]]) }).dropped).toEqual([]);
  });

  it('a benched model stays out even when it is the only one left', () => {
    const route = ask({ models: ['nano'] }, { benchedUntil: new Map([['nano', NOW + 1]]) });
    expect(route.chain).toEqual([]);
    expect(route.dropped.find(({ alias }) => alias === 'nano')).toMatchObject({ reason: 'benched', actual: NOW + 1 });
  });

  it("a model's own output limit lowers what it may answer, and its bound", () => {
    const models = { short: { ...MODELS['big']!, max_output: 100 } };
    const { chain } = createRouter(configOf({ models })).route(questionWith(), knowledgeWith());
    expect(chain[0]).toMatchObject({ maxTokens: 100, boundNanos: 14_000_000 });
  });
});

const observed = (count: number): Partial<Knowledge> => ({
  latencies: new Map([['nano', { p50: 1_000, p95: 2_000, count }]]),
});

describe('latency', () => {
  const limit = { models: ['nano'], maxLatencyMs: 1_500 };

  it.each([
    [0, ['nano']],
    [5, ['nano']], // half way from 900 to 2,000
    [6, []],
    [10, []],
    [1_000, []],
  ])('%i observed calls', (count, chain) => {
    expect(aliasesOf(ask(limit, observed(count)))).toEqual(chain);
  });

  it('is held against the median when the configuration says so', () => {
    const byMedian = createRouter(configOf({ routing: { latency_percentile: 50 } }));
    const route = byMedian.route(questionWith(limit), knowledgeWith(observed(10)));
    expect(aliasesOf(route)).toEqual(['nano']);
    expect(route.chain[0]?.predicted.latencyMs).toBe(1_000);
  });
});

describe('who comes first', () => {
  it.each<[Strategy, string[]]>([
    ['cost', ['nano', 'mid', 'big']],
    ['latency', ['mid', 'nano', 'big']],
    ['task', ['big', 'mid', 'nano']],
    ['order', ['nano', 'mid', 'big']],
  ])('%s', (strategy, chain) => {
    expect(aliasesOf(ask({ strategy }))).toEqual(chain);
  });

  it.each([
    ['quality', { quality: 1, cost: 0, latency: 0 }, ['big', 'mid', 'nano']],
    ['cost', { quality: 0, cost: 1, latency: 0 }, ['nano', 'mid', 'big']],
    ['latency', { quality: 0, cost: 0, latency: 1 }, ['mid', 'nano', 'big']],
    ['nothing: the cheaper one', { quality: 0, cost: 0, latency: 0 }, ['nano', 'mid', 'big']],
  ])('hybrid that weighs only %s', (_, weights, chain) => {
    const weighing = createRouter(configOf({ routing: { weights } }));
    expect(aliasesOf(weighing.route(questionWith(), knowledgeWith()))).toEqual(chain);
  });

  it('hybrid gives 1 to a model that is the best in everything, and penalties on a logarithmic scale', () => {
    const weighing = createRouter(configOf({ routing: { weights: { quality: 0, cost: 0.5, latency: 0 } } }));
    const utilities = weighing.route(questionWith(), knowledgeWith()).chain.map(({ utility }) => utility);
    expect(utilities[0]).toBe(1);
    expect(utilities[1]).toBeCloseTo(0.5, 12); // ten times as dear, of a hundred times
    expect(utilities[2]).toBeCloseTo(0, 12);
  });

  it('equal models carry no penalty and come by alias; of equally good ones the cheaper comes first', () => {
    const twin = MODELS['mid']!;
    const models = { zeta: twin, alpha: twin, omega: { ...twin, price: { input: 0.5, output: 2 } } };
    const { route } = createRouter(configOf({ models }));
    const byTask = route(questionWith({ strategy: 'task' }), knowledgeWith());
    expect(aliasesOf(byTask)).toEqual(['omega', 'alpha', 'zeta']);
    const alike = route(questionWith({ models: ['zeta', 'alpha'] }), knowledgeWith());
    expect(alike.chain.map(({ model, utility }) => [model.alias, utility])).toEqual([
      ['alpha', 1],
      ['zeta', 1],
    ]);
  });

  it('free models and unmeasurable latencies have finite utilities', () => {
    const models = {
      free: { ...MODELS['nano']!, price: { input: 0, output: 0 }, latency: { p50: '0ms', p95: '0ms' } },
      mid: MODELS['mid']!,
    };
    const { chain } = createRouter(configOf({ models })).route(questionWith(), knowledgeWith());
    expect(chain.every(({ utility }) => Number.isFinite(utility))).toBe(true);
  });

  it("order follows the job's list, else the task's", () => {
    const { route } = createRouter(configOf({ tasks: { coding: { models: ['big', 'nano'], strategy: 'order' } } }));
    expect(aliasesOf(route(questionWith(), knowledgeWith()))).toEqual(['big', 'nano']);
    expect(aliasesOf(route(questionWith({ models: ['mid', 'big', 'mid'] }), knowledgeWith()))).toEqual(['mid', 'big']);
  });

  it('random puts each model first about as often, and every order comes up', () => {
    const random = seededRandom(7);
    const orders = Array.from({ length: 6_000 }, () => aliasesOf(ask({ strategy: 'random' }, { random })).join());
    const counts = [...Map.groupBy(orders, (order) => order).values()].map((same) => same.length);
    expect(counts).toHaveLength(6);
    expect(Math.min(...counts)).toBeGreaterThan(850);
  });

  it('weighted draws in proportion to the weights, and weight 0 last', () => {
    const models = {
      nano: { ...MODELS['nano']!, weight: 3 },
      mid: { ...MODELS['mid']!, weight: 1 },
      big: { ...MODELS['big']!, weight: 0 },
    };
    const { route } = createRouter(configOf({ models }));
    const random = seededRandom(11);
    const draws = Array.from({ length: 8_000 }, () =>
      aliasesOf(route(questionWith({ strategy: 'weighted' }), knowledgeWith({ random }))),
    );
    const share = draws.filter(([first]) => first === 'nano').length / draws.length;
    expect(share).toBeGreaterThan(0.735);
    expect(share).toBeLessThan(0.765);
    expect(draws.every((chain) => chain[2] === 'big')).toBe(true);
  });

  it('of four hundred models the best twenty are the chain, and nobody is lost', () => {
    const models = Object.fromEntries(
      Array.from({ length: 400 }, (_, index) => [
        `m${index}`,
        { ...MODELS['nano']!, scores: { coding: ((index * 7919) % 400) / 400 } },
      ]),
    );
    const { route } = createRouter(configOf({ models }));
    const { chain, alsoEligible } = route(questionWith({ strategy: 'task' }), knowledgeWith());
    expect(new Set([...chain, ...alsoEligible].map(({ model }) => model.alias)).size).toBe(400);
    expect(Math.max(...alsoEligible.map(({ predicted }) => predicted.score))).toBe(379 / 400);
    const expected = Array.from({ length: 20 }, (_, index) => (399 - index) / 400);
    expect(chain.map(({ predicted }) => predicted.score)).toEqual(expected);
  });
});

describe('which settings apply', () => {
  it("the job's strategy goes before its task's, the task's before the general one", () => {
    const { route } = createRouter(
      configOf({ routing: { strategy: 'latency' }, tasks: { coding: { strategy: 'cost' }, other: {} } }),
    );
    expect(route(questionWith({ strategy: 'task' }), knowledgeWith()).strategy).toBe('task');
    expect(route(questionWith(), knowledgeWith()).strategy).toBe('cost');
    expect(route(questionWith({ task: 'other' }), knowledgeWith()).strategy).toBe('latency');
  });

  it('an unlisted task is scored by the default, an unknown score is 0.5', () => {
    const { chain } = ask({ task: 'poetry' });
    const scores = Object.fromEntries(chain.map(({ model, predicted }) => [model.alias, predicted.score]));
    expect(scores).toEqual({ nano: 0.5, mid: 0.6, big: 0.5 });
  });
});

describe('a route that was decided', () => {
  it('says the same of every model however late it is asked, whatever was learnt since', () => {
    const latencies = new Map([['big', { p50: 3_000, p95: 9_000, count: 10 }]]);
    const benchedUntil = new Map([['nano', NOW + 5_000]]);
    const { route } = createRouter(configOf());
    const question = questionWith({ maxLatencyMs: 5_000 });
    const before = route(question, knowledgeWith({ latencies, benchedUntil }));
    const newLatencies = new Map([['big', { p50: 10, p95: 20, count: 11 }]]);
    const after = route(question, knowledgeWith({ latencies: newLatencies }));
    expect(before.dropped).toEqual([
      { alias: 'big', reason: 'latency', limit: 5_000, actual: 9_000 },
      { alias: 'nano', reason: 'benched', limit: NOW, actual: NOW + 5_000 },
    ]);
    expect(after.dropped).toEqual([]);
    expect(after.chain.find(({ model }) => model.alias === 'big')?.predicted.latencyMs).toBe(10);
    expect(before.dropped).toBe(before.dropped);
  });

  it('rests on maps that are read once, however many jobs ask', () => {
    const latencies = new Map([['big', { p50: 3_000, p95: 9_000, count: 10 }]]);
    const reads = vi.spyOn(latencies, 'get');
    const { route } = createRouter(configOf());
    route(questionWith(), knowledgeWith({ latencies }));
    const readsOfTheFirst = reads.mock.calls.length;
    route(questionWith({ strategy: 'cost' }), knowledgeWith({ latencies, benchedUntil: new Map([['nano', NOW + 1]]) }));
    expect(readsOfTheFirst).toBeGreaterThan(0);
    expect(reads).toHaveBeenCalledTimes(readsOfTheFirst);
  });

  it('is whole as JSON', () => {
    const facts = JSON.parse(JSON.stringify(ask({ tried: ['mid'] })));
    expect(facts).toMatchObject({ alsoEligible: [], dropped: [{ alias: 'mid', reason: 'tried' }] });
  });
});

describe('the catalogue', () => {
  it('finds models by alias and by provider, with prices in pico-dollars a token', () => {
    expect(router.catalog.byAlias.get('mid')?.price).toEqual({
      inputPicosPerToken: 1_000_000,
      outputPicosPerToken: 4_000_000,
    });
    expect(router.catalog.byProvider.get('east')?.map(({ alias }) => alias)).toEqual(['big', 'nano']);
  });
});
