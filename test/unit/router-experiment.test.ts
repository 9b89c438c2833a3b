import { describe, expect, it } from 'vitest';
import { createRouter, type Route, type RouteQuestion } from '../../src/router/index.ts';
import { configOf, knowledgeWith, questionWith } from './router-fixture.ts';

type Changes = NonNullable<Parameters<typeof configOf>[0]>;

function routerWith(experiments: NonNullable<Changes['experiments']>, changes: Changes = {}) {
  const router = createRouter(configOf({ ...changes, experiments }));
  return (question: Partial<RouteQuestion> = {}): Route => router.route(questionWith(question), knowledgeWith());
}

/** An experiment that puts everybody on this variant. */
const only = (variant: object) => ({ trial: { variants: { on: variant, off: { weight: 0 } } } });

const users = (count: number): string[] => Array.from({ length: count }, (_, index) => `user-${index}`);

describe('assignment', () => {
  it('splits 20,000 users by the weights (chi-square, p > 0.001)', () => {
    const weights = { a: 5, b: 3, c: 2, never: 0 };
    const variants = Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, { weight }]));
    const route = routerWith({ split: { variants } });
    const counts = new Map<string, number>();
    for (const unit of users(20_000)) {
      const { variant = 'none' } = route({ unit });
      counts.set(variant, (counts.get(variant) ?? 0) + 1);
    }
    const expected = { 'split:a': 10_000, 'split:b': 6_000, 'split:c': 4_000 };
    expect([...counts.keys()].toSorted()).toEqual(Object.keys(expected));
    const chiSquare = Object.entries(expected).reduce(
      (sum, [variant, count]) => sum + ((counts.get(variant) ?? 0) - count) ** 2 / count,
      0,
    );
    expect(chiSquare).toBeLessThan(13.82); // two degrees of freedom
  });

  it('is the same for the same user in every router, whatever else the job says', () => {
    const experiments = { split: { variants: { a: {}, b: {} } } };
    const [one, other] = [routerWith(experiments), routerWith(experiments)];
    for (const unit of users(200)) {
      expect(other({ unit, tried: ['nano'], maxTokens: 7 }).variant).toBe(one({ unit }).variant);
    }
  });

  it('is dealt anew by another salt, and independently by another experiment', () => {
    const variants = { a: {}, b: {} };
    const salted = routerWith({ split: { salt: 'one', variants } });
    for (const other of [
      routerWith({ split: { salt: 'two', variants } }),
      routerWith({ else: { salt: 'one', variants } }),
    ]) {
      const same = users(2_000).filter(
        (unit) => salted({ unit }).variant?.split(':')[1] === other({ unit }).variant?.split(':')[1],
      );
      expect(same.length).toBeGreaterThan(850);
      expect(same.length).toBeLessThan(1_150);
    }
  });
});

describe('what a variant changes', () => {
  it("its strategy goes before the job's, its weights and models before the task's", () => {
    const weights = { quality: 0, cost: 1, latency: 0 };
    const tasks = { coding: { models: ['nano'], weights: { quality: 1, cost: 0, latency: 0 } } };
    const route = routerWith(only({ strategy: 'cost', weights, models: ['big', 'mid'] }), { tasks })({
      strategy: 'task',
    });
    expect(route).toMatchObject({ variant: 'trial:on', strategy: 'cost', weights });
    expect(route.chain.map(({ model }) => model.alias)).toEqual(['mid', 'big']);
  });

  it("a variant without a list leaves the task's", () => {
    const route = routerWith(only({}), { tasks: { coding: { models: ['mid'] } } })();
    expect(route.chain.map(({ model }) => model.alias)).toEqual(['mid']);
  });

  it('only jobs of its tasks take part, and the first experiment that covers a job counts', () => {
    const ask = routerWith(
      { coders: { ...only({}).trial, tasks: ['coding'] }, everyone: only({}).trial },
      { tasks: { coding: {}, other: {} } },
    );
    expect(ask().variant).toBe('coders:on');
    expect(ask({ task: 'other' }).variant).toBe('everyone:on');
    expect(ask({ task: null }).variant).toBe('everyone:on');
  });

  it('a job that pins one model takes no part', () => {
    const route = routerWith(only({ strategy: 'cost' }))({ models: ['big'], strategy: 'task' });
    expect(route.variant).toBeUndefined();
    expect(route.strategy).toBe('task');
  });

  it('a job that lists several takes part, unless the experiment is about the models', () => {
    const models = ['big', 'mid'];
    expect(routerWith(only({ strategy: 'cost' }))({ models }).variant).toBe('trial:on');
    expect(routerWith(only({ models: ['nano'] }))({ models }).variant).toBeUndefined();
  });
});
