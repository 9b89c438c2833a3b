import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/domain/evidence.ts';
import { usdToNanos } from '../../src/domain/money.ts';
import { createRouter, type Route } from '../../src/router/index.ts';
import { createTaskReader, type TaskReader, trainTextModel } from '../../src/router/text/index.ts';
import {
  type CorpusTask,
  DISGUISES,
  findSuffix,
  gibberish,
  labelledPrompts,
  oddTexts,
  TASKS,
  triviaPrompts,
  vocabularyOf,
} from '../support/adversarial-prompts.ts';
import { configOf, knowledgeWith, seededRandom } from './router-fixture.ts';

const SAMPLES = labelledPrompts(seededRandom(1), 60);
const reader = createTaskReader(trainTextModel(SAMPLES));
const TRIVIA = triviaPrompts(seededRandom(2), 12);
const VOCABULARY = vocabularyOf(SAMPLES.map(({ text }) => text)).slice(0, 400);
const ATTACKED = TRIVIA.map(
  (prompt) => prompt + findSuffix(reader, prompt, { vocabulary: VOCABULARY, target: 'coding', words: 6 }),
);

const CORPUS = [
  ...Object.values(DISGUISES).flatMap((disguise) => TRIVIA.slice(0, 3).map(disguise)),
  ...ATTACKED,
  ...Array.from({ length: 5 }, (_, index) => gibberish(seededRandom(index), 40)),
  ...Object.values(oddTexts()),
];

function likeliest(text: string, of: TaskReader = reader): string | undefined {
  const probabilities = of.read(text);
  return of.tasks[probabilities.indexOf(Math.max(...probabilities))];
}

function medianMs(text: string): number {
  const times = Array.from({ length: 101 }, () => {
    const start = performance.now();
    reader.read(text);
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[50] as number;
}

function expectProbabilities(probabilities: Float64Array): void {
  expect(probabilities).toHaveLength(TASKS.length);
  expect(probabilities.every((probability) => probability >= 0 && probability <= 1)).toBe(true);
  expect(probabilities.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 9);
}

describe('reading a text that means harm', () => {
  it.each(Object.entries(oddTexts()))('%s gives probabilities', (_what, text) => {
    expectProbabilities(reader.read(text));
  });

  it.each(Object.entries(DISGUISES))('%s gives probabilities', (_what, disguise) => {
    for (const prompt of TRIVIA) expectProbabilities(reader.read(disguise(prompt)));
  });

  it('whatever the code units are', () => {
    const anyText = fc.array(fc.integer({ min: 0, max: 0xff_ff }), { maxLength: 3_000 });
    fc.assert(
      fc.property(anyText, (codes) => expectProbabilities(reader.read(String.fromCharCode(...codes)))),
      { numRuns: 200 },
    );
  });

  it('takes no longer for a megabyte than a few kilobytes do', () => {
    for (const text of Object.values(oddTexts())) {
      medianMs(text);
      expect(medianMs(text)).toBeLessThan(5);
    }
  });

  it('what a person does not see changes nothing', () => {
    const [prompt = ''] = TRIVIA;
    const hidden = DISGUISES['characters that nobody sees']?.(prompt) ?? '';
    expect(hidden.length).toBeGreaterThan(prompt.length);
    expect(likeliest(hidden)).toBe(likeliest(prompt));
  });
});

/** The costlier the model the better it is at coding; at all else they are alike. */
const EVIDENCE: Evidence = {
  v: 1,
  version: 1,
  updated_at: 0,
  models: Object.fromEntries(
    (
      [
        ['nano', 0.3],
        ['mid', 0.6],
        ['big', 0.95],
      ] as const
    ).map(([model, coding]) => {
      const shares: Record<CorpusTask, number> = { coding, extraction: 0.8, maths: 0.8, trivia: 0.8 };
      const cells = Object.entries(shares).map(([task, share]) => {
        const score = { n: 2_000, sum: 2_000 * share, squares: 2_000 * share };
        return [task, { score }] as const;
      });
      return [model, Object.fromEntries(cells)];
    }),
  ),
};

const TASKS_CONFIG = Object.fromEntries(TASKS.map((task) => [task, {}]));
const TASK_GUESS = { model: 'task-model.json', confidence: 0.5 };
const routing = { task_guess: TASK_GUESS };

describe('a suffix that was searched for with the model at hand', () => {
  it('moves the task that is read', () => {
    expect(TRIVIA.map((prompt) => likeliest(prompt))).toEqual(TRIVIA.map(() => 'trivia'));
    expect(ATTACKED.filter((prompt) => likeliest(prompt) === 'coding').length).toBeGreaterThan(TRIVIA.length * 0.9);
  });

  it('moves jobs without a limit to the costly model: the attack is real', () => {
    const router = createRouter(configOf({ tasks: TASKS_CONFIG, routing }), { reader });
    const firstFor = (prompt: string): string | undefined =>
      router.route(router.question({ prompt, answer_value_usd: 0.1 }), knowledgeWith({ evidence: EVIDENCE })).chain[0]
        ?.model.alias;
    expect(TRIVIA.map(firstFor)).toEqual(TRIVIA.map(() => 'nano'));
    expect(ATTACKED.filter((prompt) => firstFor(prompt) === 'big').length).toBeGreaterThan(TRIVIA.length * 0.9);
  });
});

describe('whatever a prompt looks like', () => {
  const strategies = ['hybrid', 'task', 'cost', 'latency'] as const;

  it('its job costs no more than its limit', () => {
    const router = createRouter(configOf({ tasks: TASKS_CONFIG, routing: { ...routing, quality_floor: 0.99 } }), {
      reader,
    });
    // Enough for the middling model, not for the large one.
    const limitUsd = 0.01;
    let longest = 0;
    for (const prompt of CORPUS) {
      for (const strategy of strategies) {
        const question = router.question({ prompt, strategy, max_cost_usd: limitUsd });
        const { chain } = router.route(question, knowledgeWith({ evidence: EVIDENCE }));
        longest = Math.max(longest, chain.length);
        for (const { boundNanos } of chain) expect(boundNanos).toBeLessThanOrEqual(usdToNanos(limitUsd));
      }
    }
    expect(longest).toBe(2);
  });

  it('its job stays within the tier of its budget, which no task that was read can change', () => {
    const budgets = {
      small: { account: 'guests', limit_usd: 5, max_tier: 'small' as const },
      generous: { task: 'coding', limit_usd: 500, max_tier: 'large' as const },
    };
    const router = createRouter(configOf({ tasks: TASKS_CONFIG, routing, budgets }), { reader });
    for (const prompt of CORPUS) {
      for (const strategy of strategies) {
        const route: Route = router.route(
          router.question({ prompt, strategy, account: 'guests' }),
          knowledgeWith({ evidence: EVIDENCE }),
        );
        expect(route.chain.filter(({ model }) => model.alias !== 'nano')).toEqual([]);
        expect(route.alsoEligible.filter(({ model }) => model.alias !== 'nano')).toEqual([]);
      }
    }
  });

  it('its job gets neither the limits nor the models of the task that it is read as', () => {
    const tasks = { ...TASKS_CONFIG, coding: { max_cost_usd: 1_000, max_tokens: 100_000, models: ['big'] } };
    const router = createRouter(configOf({ tasks, routing }), { reader });
    for (const prompt of ATTACKED) {
      const guessed = router.question({ prompt, max_cost_usd: 0.002 });
      expect(guessed).toMatchObject({ task: null, maxTokens: 1_024, maxCostNanos: usdToNanos(0.002) });
      const { chain } = router.route(guessed, knowledgeWith({ evidence: EVIDENCE }));
      expect(chain.map(({ model }) => model.alias)).toEqual(['nano']);
    }
  });
});
