import { describe, expect, it } from 'vitest';
import { createRouter, type Knowledge, type Route, type RouteQuestion } from '../../src/router/index.ts';
import { configOf, knowledgeWith, MODELS, questionWith } from './router-fixture.ts';

const router = createRouter(configOf());
const aliasesOf = (route: Route): string[] => route.chain.map((candidate) => candidate.model.alias);
const ask = (question: Partial<RouteQuestion>, knowledge: Partial<Knowledge> = {}): Route =>
  router.route(questionWith(question), knowledgeWith(knowledge));

describe('jobs without a task', () => {
  const HARD = 'Prove this theorem step by step, then write a function that checks it. ```ts```';

  it('for a hard prompt large models come first, and all others after them, however good and cheap', () => {
    const route = ask({ task: null, promptText: HARD, strategy: 'hybrid' });
    expect(route.tier).toBe('large');
    expect(aliasesOf(route)[0]).toBe('big');
    expect(route.dropped).toEqual([]);
  });

  it('no guess stands above a job’s own wish for the cheapest or the quickest model', () => {
    const route = ask({ task: null, promptText: HARD, strategy: 'cost' });
    expect(route.tier).toBeUndefined();
    expect(aliasesOf(route)[0]).toBe('nano');
  });

  it('a hard prompt finds the one large model among many small ones', () => {
    const small = Array.from({ length: 40 }, (_, index) => [`small-${index}`, MODELS['nano']!]);
    const models = { ...Object.fromEntries(small), zenith: MODELS['big']! };
    const { route } = createRouter(configOf({ models }));
    const { chain, alsoEligible } = route(questionWith({ task: null, promptText: HARD }), knowledgeWith());
    expect(chain[0]?.model.alias).toBe('zenith');
    expect([chain.length, alsoEligible.length]).toEqual([20, 21]);
  });

  it('an easy prompt prefers no tier', () => {
    const route = ask({ task: null, promptText: 'What is the capital of France?' });
    expect(route).toMatchObject({ tier: 'small', dropped: [] });
  });

  it('the guess never lifts a job above its limits', () => {
    const route = ask({ task: null, promptText: HARD, maxCostNanos: 5_000_000 });
    expect(route.tier).toBe('large');
    expect(aliasesOf(route).toSorted()).toEqual(['mid', 'nano']);
  });

  it('nobody guesses when the task is named, or when the order or chance decides', () => {
    expect(ask({ promptText: HARD }).tier).toBeUndefined();
    expect(ask({ task: null, promptText: HARD, strategy: 'order' })).toMatchObject({ dropped: [] });
  });
});
