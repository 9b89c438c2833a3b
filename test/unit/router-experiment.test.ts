import { describe, expect, it } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { createRouter, type Knowledge, type Route, type RouteQuestion } from '../../src/router/index.ts';
import { MODELS, configOf, knowledgeWith, questionWith } from './router-fixture.ts';

type Changes = NonNullable<Parameters<typeof configOf>[0]>;

function routerWith(experiments: NonNullable<Changes['experiments']>, changes: Changes = {}) {
  const router = createRouter(configOf({ ...changes, experiments }));
  return (question: Partial<RouteQuestion> = {}, known: Partial<Knowledge> = {}): Route =>
    router.route(questionWith(question), knowledgeWith(known));
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

/** Those of the users who take part, by the experiment that they are in. */
function participants(route: ReturnType<typeof routerWith>, count = 4_000): Map<string, string[]> {
  return Map.groupBy(users(count), (unit) => route({ unit }).variant?.split(':')[0] ?? 'none');
}

describe('who takes part', () => {
  const variants = { a: {}, b: {} };

  it('is the share of the users, and those stay when it grows, in their variants', () => {
    const [few, many] = [0.2, 0.6].map((share) => routerWith({ split: { share, variants } }));
    const inFew = participants(few!).get('split') ?? [];
    const inMany = new Set(participants(many!).get('split'));
    expect(inFew.length / 4_000).toBeCloseTo(0.2, 1);
    expect(inMany.size / 4_000).toBeCloseTo(0.6, 1);
    for (const unit of inFew) {
      expect(inMany.has(unit)).toBe(true);
      expect(many!({ unit }).variant).toBe(few!({ unit }).variant);
    }
    const inA = inFew.filter((unit) => few!({ unit }).variant === 'split:a');
    expect(inA.length / inFew.length).toBeCloseTo(0.5, 1);
  });

  it('nobody is in two experiments of an exclusion group, whatever the tasks', () => {
    const group = { exclusion_group: 'prices', variants };
    const experiments = {
      coders: { ...group, share: 0.3, tasks: ['coding'] },
      writers: { ...group, share: 0.5, tasks: ['writing'] },
    };
    const route = routerWith(experiments, { tasks: { coding: {}, writing: {} } });
    const seen = { coding: 0, writing: 0, both: 0 };
    for (const unit of users(4_000)) {
      const [coding, writing] = ['coding', 'writing'].map((task) => route({ unit, task }).variant !== undefined);
      if (coding) seen.coding += 1;
      if (writing) seen.writing += 1;
      if (coding && writing) seen.both += 1;
    }
    expect(seen.both).toBe(0);
    expect(seen.coding / 4_000).toBeCloseTo(0.3, 1);
    expect(seen.writing / 4_000).toBeCloseTo(0.5, 1);
  });

  it('a group whose shares are 1 together leaves nobody out', () => {
    const part = { exclusion_group: 'all', variants };
    const route = routerWith({
      one: { ...part, share: 0.1 },
      two: { ...part, share: 0.2 },
      three: { ...part, share: 0.7 },
    });
    const counts = participants(route);
    expect([...counts.keys()].toSorted()).toEqual(['one', 'three', 'two']);
    expect((counts.get('three')?.length ?? 0) / 4_000).toBeCloseTo(0.7, 1);
  });

  it('elsewhere it is independent: who is left out by one is in another as often as anybody', () => {
    const route = routerWith({ first: { share: 0.5, variants }, second: { share: 0.5, variants } });
    const counts = participants(route);
    expect((counts.get('first')?.length ?? 0) / 4_000).toBeCloseTo(0.5, 1);
    expect((counts.get('second')?.length ?? 0) / 4_000).toBeCloseTo(0.25, 1);
  });
});

describe('what an operator has said', () => {
  const trial = only({ strategy: 'cost', models: ['big', 'mid'] });

  it('a stopped experiment assigns nobody, and the next one takes its jobs', () => {
    const route = routerWith({ ...trial, next: only({}).trial });
    const known = { stoppedExperiments: new Set(['trial']) };
    expect(route({}, known)).toMatchObject({ variant: 'next:on' });
    expect(route({}, { stoppedExperiments: new Set(['trial', 'next']) }).variant).toBeUndefined();
  });

  it('a promoted variant holds for all jobs of the experiment, also of those who took no part, and counts none', () => {
    const { variants } = trial.trial;
    const route = routerWith({ trial: { share: 0.001, variants } });
    const known = { promotedVariants: new Map([['trial', 'on']]) };
    for (const unit of users(50)) {
      const { variant, strategy, chain } = route({ unit }, known);
      expect({ variant, strategy }).toEqual({ variant: undefined, strategy: 'cost' });
      expect(chain.map(({ model }) => model.alias)).toEqual(['mid', 'big']);
    }
    expect(route({ models: ['nano'] }, known).chain.map(({ model }) => model.alias)).toEqual(['nano']);
  });

  it('under a promoted variant another experiment goes on, and says what it says itself', () => {
    const route = routerWith({ ...trial, next: only({ strategy: 'latency' }).trial });
    const { variant, strategy, chain } = route({}, { promotedVariants: new Map([['trial', 'on']]) });
    expect({ variant, strategy }).toEqual({ variant: 'next:on', strategy: 'latency' });
    expect(chain.map(({ model }) => model.alias).toSorted()).toEqual(['big', 'mid']);
  });

  it('a promotion of a variant that is no longer there ends the experiment, and changes nothing', () => {
    const route = routerWith(trial);
    const { variant, strategy } = route({ strategy: 'task' }, { promotedVariants: new Map([['trial', 'gone']]) });
    expect({ variant, strategy }).toEqual({ variant: undefined, strategy: 'task' });
  });
});

describe('a configuration of experiments', () => {
  const variants = { a: {}, b: {} };
  const PROVIDERS = { east: { base_url: 'https://east.test/v1' }, west: { base_url: 'https://west.test/v1' } };
  const problems = (experiments: object): string[] => {
    const { error } = Config.safeParse({ providers: PROVIDERS, models: MODELS, tasks: { coding: {} }, experiments });
    return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
  };

  it('is refused when the shares of a group are more than all users', () => {
    const part = { exclusion_group: 'g', share: 0.6, variants };
    expect(problems({ one: part, two: part })).toEqual([
      'experiments.two.share: the shares of exclusion group "g" (one, two) are 1.2 together; 1 at the most',
    ]);
    expect(problems({ one: { exclusion_group: 'g', variants }, two: { ...part, share: 0.1 } })).toHaveLength(1);
    expect(
      problems({ one: { ...part, share: 0.1 }, two: { ...part, share: 0.2 }, three: { ...part, share: 0.7 } }),
    ).toEqual([]);
    expect(problems({ one: { share: 0.6, variants }, two: { share: 0.6, variants } })).toEqual([]);
  });

  it('is refused when two variants have the same label', () => {
    const [problem, ...others] = problems({
      a: { variants: { 'b:c': {}, d: {} } },
      'a:b': { variants: { c: {}, d: {} } },
    });
    expect(others).toEqual([]);
    expect(problem).toMatch(/^experiments\.a:b\.variants\.c: is called a:b:c in records, .* experiment "a"/);
  });
});
