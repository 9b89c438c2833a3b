import { describe, expect, it } from 'vitest';
import type { Strategy } from '../../src/domain/job.ts';
import { createRouter, type Knowledge, type Route, type RouteQuestion } from '../../src/router/index.ts';
import { configOf, knowledgeWith, MODELS, type ModelInput, NOW, questionWith, seededRandom } from './router-fixture.ts';

const aliasesOf = (route: Route): string[] => route.chain.map(({ model }) => model.alias);

function routeOf(
  changes: Parameters<typeof configOf>[0],
  question: Partial<RouteQuestion> = {},
  knowledge: Partial<Knowledge> = {},
): Route {
  return createRouter(configOf(changes)).route(questionWith(question), knowledgeWith(knowledge));
}

describe('who comes second', () => {
  const models: Record<string, ModelInput> = {
    best: { provider: 'east', id: 'v/best', price: { input: 1, output: 1 }, scores: { coding: 0.9 } },
    good: { provider: 'east', id: 'v/good', price: { input: 1, output: 1 }, scores: { coding: 0.8 } },
    other: { provider: 'west', id: 'v/other', price: { input: 1, output: 1 }, scores: { coding: 0.6 } },
  };

  it('is the best of another provider', () => {
    expect(aliasesOf(routeOf({ models }, { strategy: 'task' }))).toEqual(['best', 'other', 'good']);
  });

  it('and a job that failed at a provider goes to another one first', () => {
    expect(aliasesOf(routeOf({ models }, { strategy: 'task', tried: ['best'] }))).toEqual(['other', 'good']);
  });

  it('but an order that was asked for is kept', () => {
    expect(aliasesOf(routeOf({ models }, { strategy: 'order' }))).toEqual(['best', 'good', 'other']);
  });
});

const atTurn = (turn: number): string[] => aliasesOf(routeOf({}, { strategy: 'round-robin' }, { turn }));

describe('round robin', () => {
  it('begins with another model at every turn, and goes on from there', () => {
    expect(atTurn(0)).toEqual(['big', 'mid', 'nano']);
    expect(atTurn(1)).toEqual(['mid', 'nano', 'big']);
    expect(atTurn(5)).toEqual(['nano', 'big', 'mid']);
  });
});

const deployment = (weight: number, p50: string): ModelInput => ({
  ...(MODELS['mid'] as ModelInput),
  deployment_of: 'mid',
  weight,
  latency: { p50, p95: '9s' },
});

describe('deployments of one model', () => {
  const models = { 'mid-a': deployment(3, '100ms'), 'mid-b': deployment(1, '500ms'), 'mid-c': deployment(0, '900ms') };

  function sharesOf(balance: 'weighted' | 'least-busy' | 'latency', knowledge: Partial<Knowledge> = {}) {
    const router = createRouter(configOf({ models, routing: { balance } }));
    const random = seededRandom(11);
    const counts: Record<string, number> = { 'mid-a': 0, 'mid-b': 0, 'mid-c': 0 };
    for (let job = 0; job < 1_000; job += 1) {
      const [first = ''] = aliasesOf(router.route(questionWith(), knowledgeWith({ random, ...knowledge })));
      counts[first] = (counts[first] ?? 0) + 1;
    }
    return counts;
  }

  it('share the calls by their weights', () => {
    const { 'mid-a': a = 0, 'mid-b': b = 0, 'mid-c': c = 0 } = sharesOf('weighted');
    expect(a / b).toBeGreaterThan(2.4);
    expect(a / b).toBeLessThan(3.8);
    expect(c).toBe(0);
  });

  it('or by who has fewest calls under way for its weight', () => {
    const inFlight = new Map([
      ['mid-a', 8],
      ['mid-b', 1],
    ]);
    expect(sharesOf('least-busy', { inFlight })).toMatchObject({ 'mid-b': 1_000 });
    expect(sharesOf('least-busy')).toMatchObject({ 'mid-a': 1_000 });
  });

  it('or by who answers sooner of two that are drawn, so that not everybody asks the same one', () => {
    const { 'mid-a': a = 0, 'mid-b': b = 0, 'mid-c': c = 0 } = sharesOf('latency');
    expect(a).toBeGreaterThan(600);
    expect(b).toBeGreaterThan(250);
    expect(c).toBe(0);
  });

  it('share nothing when one is dearer, or the strategy wants the quickest', () => {
    const dear = { ...deployment(5, '50ms'), price: { input: 10, output: 40 } };
    const chain = (strategy: Strategy): string[] => aliasesOf(routeOf({ models: { ...models, dear } }, { strategy }));
    for (let job = 0; job < 20; job += 1) expect(chain('cost').at(-1)).toBe('dear');
    expect(chain('latency')[0]).toBe('dear');
  });

  it('send calls elsewhere while the quicker one is busy', () => {
    const inFlight = new Map([['mid-a', 50]]);
    expect(sharesOf('latency', { inFlight })['mid-b']).toBeGreaterThan(600);
  });

  it('keep the places that the strategy gave them', () => {
    const { chain } = routeOf({ models: { ...models, nano: MODELS['nano'] as ModelInput } }, { strategy: 'task' });
    expect(chain.map(({ model }) => model.family)).toEqual(['mid', 'nano', 'mid', 'mid']);
  });
});

describe('when no model keeps the limits', () => {
  const tooFast: Partial<RouteQuestion> = { maxLatencyMs: 1 };

  it('the job is refused, unless the configuration says otherwise', () => {
    expect(routeOf({}, tooFast).chain).toEqual([]);
  });

  it('its limit on latency is put aside', () => {
    const route = routeOf({ routing: { on_no_candidate: 'relax-latency', strategy: 'task' } }, tooFast);
    expect(aliasesOf(route)[0]).toBe('big');
    expect(route.relaxed).toBe('relax-latency');
  });

  it('or the cheapest is asked', () => {
    const route = routeOf({ routing: { on_no_candidate: 'cheapest', strategy: 'task' } }, tooFast);
    expect(aliasesOf(route)[0]).toBe('nano');
    expect(route.relaxed).toBe('cheapest');
  });

  it('but not while one that keeps all limits only takes no calls at the moment', () => {
    const benchedUntil = new Map([['nano', NOW + 500]]);
    const route = routeOf({ routing: { on_no_candidate: 'relax-latency' } }, { maxLatencyMs: 1_000 }, { benchedUntil });
    expect(route.chain).toEqual([]);
    expect(route.dropped.find(({ alias }) => alias === 'nano')?.reason).toBe('benched');
  });

  it('but a limit on cost holds whatever happens', () => {
    for (const on_no_candidate of ['cheapest', 'relax-latency'] as const) {
      expect(routeOf({ routing: { on_no_candidate } }, { ...tooFast, maxCostNanos: 1 }).chain).toEqual([]);
    }
  });
});

describe('the tier of a budget', () => {
  const config = configOf({ budgets: { free: { account: 'free', limit_usd: 1, max_tier: 'small' } } });
  const router = createRouter(config);
  const first = (job: Parameters<typeof router.question>[0]): Route =>
    router.route(router.question(job), knowledgeWith());
  const HARD = 'Prove step by step, with code, that the theorem holds: ∑ 1/n² = π²/6. Why? Compare. Must, must, must.';

  it('is not left for the sake of a prompt that looks hard', () => {
    expect(aliasesOf(first({ prompt: HARD, account: 'paid' }))[0]).toBe('big');
    expect(aliasesOf(first({ prompt: HARD, account: 'free' }))).toEqual(['nano']);
  });

  it('nor for a task, a strategy or a model that the job names', () => {
    expect(aliasesOf(first({ prompt: HARD, account: 'free', task: 'coding', strategy: 'task' }))).toEqual(['nano']);
    const { dropped } = first({ prompt: HARD, account: 'free', model: 'big' });
    expect(dropped).toContainEqual({ alias: 'big', reason: 'tier', limit: 'small', actual: 'large' });
  });
});

it('a tier of a budget must not depend on the model that is asked', () => {
  const budgets = { dear: { model: 'big', limit_usd: 1, max_tier: 'small' as const } };
  expect(() => configOf({ budgets })).toThrow('goes with account, task or user');
});
