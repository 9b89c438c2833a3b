import { describe, expect, it } from 'vitest';
import { type Evidence, type EvidenceCell, NO_EVIDENCE } from '../../src/domain/evidence.ts';
import { createRouter, type Knowledge, type Route, type RouteQuestion } from '../../src/router/index.ts';
import { configOf, knowledgeWith, type ModelInput, MODELS, questionWith, seededRandom } from './router-fixture.ts';

type Scores = { n: number; share: number; outputTokens?: number };

function evidenceOf(models: Record<string, Record<string, Scores>>): Evidence {
  const cell = ({ n, share, outputTokens }: Scores): EvidenceCell => ({
    score: { n, sum: n * share, squares: n * share },
    ...(outputTokens !== undefined && {
      output_tokens: { n, sum: n * outputTokens, squares: n * outputTokens ** 2 },
    }),
  });
  return {
    v: 1,
    version: 1,
    updated_at: 0,
    models: Object.fromEntries(
      Object.entries(models).map(([model, tasks]) => [
        model,
        Object.fromEntries(Object.entries(tasks).map(([task, scores]) => [task, cell(scores)])),
      ]),
    ),
  };
}

/** At `coding` the small model is as good as the large one, at `law` it is not. */
const EVIDENCE = evidenceOf({
  nano: { coding: { n: 20_000, share: 0.9, outputTokens: 100 }, law: { n: 20_000, share: 0.3, outputTokens: 100 } },
  mid: { coding: { n: 20_000, share: 0.7, outputTokens: 100 }, law: { n: 20_000, share: 0.6, outputTokens: 100 } },
  big: { coding: { n: 20_000, share: 0.9, outputTokens: 100 }, law: { n: 20_000, share: 0.9, outputTokens: 100 } },
});

const CONFIG = configOf({ tasks: { coding: {}, law: {} }, routing: { quality_floor: 0.99 } });
const router = createRouter(CONFIG);
const floored = (question: Partial<RouteQuestion>): RouteQuestion => questionWith({ qualityFloor: 0.99, ...question });
const ask = (question: RouteQuestion, knowledge: Partial<Knowledge> = {}): Route =>
  router.route(question, knowledgeWith({ evidence: EVIDENCE, ...knowledge }));
const firstOf = (route: Route): string | undefined => route.chain[0]?.model.alias;

const withMix = (coding: number, law: number): Evidence => ({ ...EVIDENCE, tasks: { coding, law } });

describe('what was learned', () => {
  it('stands above the scores of the configuration once there is enough of it', () => {
    const [first] = ask(questionWith({ strategy: 'task', models: ['nano'] })).chain;
    expect(first?.predicted.score).toBeCloseTo(0.9, 1);
    expect(first?.predicted.scoreDeviation).toBeGreaterThan(0);
    const [without] = ask(questionWith({ strategy: 'task', models: ['nano'] }), { evidence: NO_EVIDENCE }).chain;
    expect(without?.predicted).toMatchObject({ score: 0.4, scoreDeviation: 0 });
  });

  it('tells how long answers are, and by that what calls cost', () => {
    const [learned] = ask(questionWith({ models: ['big'] })).chain;
    const [guessed] = ask(questionWith({ models: ['big'] }), { evidence: NO_EVIDENCE }).chain;
    // 500 prompt tokens at $10 and 100 of answer at $40 per million; without it half of the 1,000 that it may have.
    expect(learned?.predicted.costNanos).toBe(9_000_000);
    expect(guessed?.predicted.costNanos).toBe(25_000_000);
  });

  it('is worked out anew when lengths change, with the scores as they were', () => {
    const longer = evidenceOf({ big: { coding: { n: 2_000, share: 0.9, outputTokens: 900 } } }).models['big']?.[
      'coding'
    ];
    const { big, ...others } = EVIDENCE.models;
    const coding = { ...big?.['coding'], output_tokens: longer?.output_tokens };
    const next = { ...EVIDENCE, version: 2, models: { ...others, big: { ...big, coding } } } as Evidence;
    const [before] = ask(questionWith({ models: ['big'] })).chain;
    const [after] = ask(questionWith({ models: ['big'] }), { evidence: next }).chain;
    expect(after?.predicted.score).toBe(before?.predicted.score);
    expect(after?.predicted.costNanos).toBeGreaterThan(3 * (before?.predicted.costNanos ?? 0));
  });

  it('has a mix of tasks that is counted by jobs and not by cells', () => {
    const untagged = questionWith({ task: null, strategy: 'task', models: ['nano'] });
    const scoreOf = (evidence: Evidence): number => ask(untagged, { evidence }).chain[0]?.predicted.score ?? 0;
    expect(scoreOf(withMix(9_000, 1_000))).toBeCloseTo(0.84, 1);
    expect(scoreOf(withMix(1_000, 9_000))).toBeCloseTo(0.36, 1);
  });

  it('is shared by the deployments of one model', () => {
    const models = {
      'nano-eu': { ...MODELS['nano'], deployment_of: 'nano' },
      'nano-us': { ...MODELS['nano'], deployment_of: 'nano' },
    } as typeof MODELS;
    const { chain } = createRouter(configOf({ models })).route(questionWith(), knowledgeWith({ evidence: EVIDENCE }));
    expect(chain.map(({ predicted }) => predicted.score)).toEqual([
      chain[0]?.predicted.score,
      chain[0]?.predicted.score,
    ]);
    expect(chain[0]?.predicted.score).toBeCloseTo(0.9, 1);
  });
});

describe('a floor on quality', () => {
  it('lets `cost` take the cheapest model that is as good as the best', () => {
    const route = ask(floored({ strategy: 'cost' }));
    expect(firstOf(route)).toBe('nano');
    expect(route.floor?.best).toBe('big');
    expect(firstOf(ask(floored({ strategy: 'cost', task: 'law' })))).toBe('big');
  });

  it('puts models below it behind all others, the best of them first', () => {
    const { chain } = ask(floored({ strategy: 'cost', task: 'law' }));
    expect(chain.map(({ model }) => model.alias)).toEqual(['big', 'mid', 'nano']);
  });

  it('holds for other strategies, too', () => {
    expect(firstOf(ask(questionWith({ strategy: 'latency', task: 'law' })))).toBe('mid');
    expect(firstOf(ask(floored({ strategy: 'latency', task: 'law' })))).toBe('big');
  });

  it('leaves alone who asks for a given order, and is nothing while no answer was scored', () => {
    expect(firstOf(ask(floored({ strategy: 'order', task: 'law' })))).toBe('nano');
    expect(ask(floored({ strategy: 'cost', task: 'law' }), { evidence: NO_EVIDENCE }).floor).toBeUndefined();
  });

  it('takes the best single model for a job that tells nothing of its task', () => {
    expect(firstOf(ask(floored({ strategy: 'cost', task: null })))).toBe('big');
  });
});

const guess = (coding: number): NonNullable<RouteQuestion['guess']> => ({
  tasks: ['coding', 'law'],
  probabilities: Float64Array.from([coding, 1 - coding]),
  task: coding >= 0.5 ? 'coding' : 'law',
  confidence: Math.max(coding, 1 - coding),
});

describe('a floor that nothing but the best single model is sure to keep', () => {
  // A handful of scores each: who is best at which task is luck.
  const few = evidenceOf({
    nano: { coding: { n: 4, share: 1 }, law: { n: 4, share: 0.5 } },
    mid: { coding: { n: 4, share: 0.5 }, law: { n: 4, share: 1 } },
    big: { coding: { n: 4, share: 0.75 }, law: { n: 4, share: 0.75 } },
  });

  it('takes that model, and nobody that only looks better', () => {
    const models = Object.fromEntries(
      Object.entries(MODELS).map(([alias, model]) => [alias, { ...model, scores: {} }]),
    );
    const unknown = createRouter(configOf({ models, tasks: { coding: {}, law: {} } }));
    const route = unknown.route(floored({ strategy: 'cost' }), knowledgeWith({ evidence: few }));
    expect(route.floor).toMatchObject({ best: firstOf(route), alone: true });
  });
});

describe('jobs without a task', () => {
  it('are judged by the scores of such jobs, where there are any', () => {
    const evidence = evidenceOf({
      nano: { '': { n: 400, share: 0.9 }, coding: { n: 400, share: 0.1 } },
      big: { '': { n: 400, share: 0.2 }, coding: { n: 400, share: 0.9 } },
    });
    expect(firstOf(ask(questionWith({ task: null, strategy: 'task' }), { evidence }))).toBe('nano');
  });
});

describe('a task that was read from the prompt', () => {
  it('counts like one that was named, when that is sure', () => {
    expect(firstOf(ask(floored({ strategy: 'cost', task: null, guess: guess(0.99) })))).toBe('nano');
  });

  it('does not make a cheaper choice when it is not', () => {
    expect(firstOf(ask(floored({ strategy: 'cost', task: null, guess: guess(0.6) })))).toBe('big');
  });

  it('mixes the scores of the tasks that it may be', () => {
    const [first] = ask(questionWith({ strategy: 'task', task: null, models: ['nano'], guess: guess(0.5) })).chain;
    expect(first?.predicted.score).toBeCloseTo(0.6, 1);
  });
});

const firstWorth = (answerValueUsd: number): string | undefined =>
  firstOf(ask(questionWith({ task: 'law', strategy: 'hybrid', answerValueUsd })));

describe('what a right answer is worth', () => {
  it('weighs score against cost in dollars', () => {
    expect(firstWorth(0.0001)).toBe('nano');
    expect(firstWorth(10)).toBe('big');
  });

  it('counts for less while a budget is spent too fast', () => {
    const question = questionWith({ task: 'law', strategy: 'hybrid', answerValueUsd: 0.05 });
    expect(firstOf(ask(question))).toBe('big');
    expect(firstOf(ask(question, { costPressure: 16 }))).not.toBe('big');
  });
});

describe('exploration', () => {
  const curious = createRouter(configOf({ routing: { exploration: 0.2 } }));
  const little = evidenceOf({
    nano: { coding: { n: 5, share: 0.8 } },
    mid: { coding: { n: 5, share: 0.8 } },
    big: { coding: { n: 5, share: 0.8 } },
  });
  const chosen = (question: RouteQuestion, seed: number): Route =>
    curious.route(question, knowledgeWith({ evidence: little, random: seededRandom(seed) }));

  it('sends a part of the jobs to models that may be better, and says so', () => {
    const routes = Array.from({ length: 500 }, (_, seed) => chosen(questionWith({ strategy: 'task' }), seed));
    const explored = routes.filter(({ why }) => why === 'explored');
    expect(explored.length / routes.length).toBeGreaterThan(0.12);
    expect(explored.length / routes.length).toBeLessThan(0.28);
    expect(new Set(explored.map(firstOf)).size).toBeGreaterThan(1);
  });

  it('is not where nothing that is estimated counts', () => {
    for (let seed = 0; seed < 100; seed += 1) {
      for (const strategy of ['cost', 'order', 'round-robin'] as const) {
        expect(chosen(questionWith({ strategy }), seed).why).toBe('best');
      }
    }
  });

  it('asks models whose latency nobody has seen, and hardly ever one that is known to be slow', () => {
    const call = { p50: 4_000, p95: 9_000, count: 100 };
    const latencies = new Map([
      ['mid', call],
      ['big', { ...call, p50: 8_000 }],
    ]);
    const firsts = Array.from({ length: 2_000 }, (_, seed) => {
      const knowledge = knowledgeWith({ evidence: NO_EVIDENCE, latencies, random: seededRandom(seed) });
      const slow = createRouter(
        configOf({
          routing: { exploration: 0.2 },
          models: { ...MODELS, nano: { ...(MODELS['nano'] as ModelInput), latency: { p50: '6s', p95: '9s' } } },
        }),
      );
      return firstOf(slow.route(questionWith({ strategy: 'latency' }), knowledge));
    });
    const count = (alias: string): number => firsts.filter((first) => first === alias).length;
    expect(count('mid')).toBeGreaterThan(1_600);
    expect(count('nano')).toBeGreaterThan(40);
    expect(count('big')).toBeLessThan(5);
  });

  it('never takes a job that was tried already, or that may not be explored with', () => {
    for (let seed = 0; seed < 100; seed += 1) {
      expect(chosen(questionWith({ tried: ['nano'] }), seed).why).toBe('best');
      expect(chosen(questionWith({ mayExplore: false }), seed).why).toBe('best');
    }
  });
});
