import { Config } from '../../src/domain/config.ts';
import { type Evidence, type EvidenceCell, NO_EVIDENCE, withFigure } from '../../src/domain/evidence.ts';
import type { PromptJob } from '../../src/domain/job.ts';
import { createRouter, type Knowledge } from '../../src/router/index.ts';
import { createTaskReader, trainTextModel } from '../../src/router/text/index.ts';
import { type DecisionTimes, timed } from './timing.ts';

/**
 * How long a decision takes among 400 made-up models with evidence at a dozen tasks, from a job to a route: the question
 * is built from the job each time, as a worker does it.
 */

const MODELS = 400;
const TASKS = Array.from({ length: 12 }, (_, index) => `task-${index}`);
const SCORES_A_CELL = 40;
const WARM_UP_CALLS = 10_000;
const MEASURED_CALLS = 20_000;

export type CatalogueTimes = {
  models: number;
  withTask: DecisionTimes;
  withoutTask: DecisionTimes;
  floored: DecisionTimes;
};

export function timeCatalogue(): CatalogueTimes {
  const reader = createTaskReader(trainTextModel(samples()));
  const router = createRouter(catalogue(), { reader });
  const knowledge: Knowledge = {
    now: 0,
    random: () => 0.5,
    latencies: new Map(
      names().map((name, index) => [name, { p50: 300 + 7 * index, p95: 900 + 31 * index, count: 100 }]),
    ),
    benchedUntil: new Map(),
    evidence: evidence(),
  };
  const time = (jobs: readonly PromptJob[]): DecisionTimes =>
    timed(
      (call) => router.route(router.question(jobs[call % jobs.length] as PromptJob), knowledge).chain.length,
      MEASURED_CALLS,
      WARM_UP_CALLS,
    );
  const prompt = 'Compare the two designs below, step by step, and say which one must be built first.\n'.repeat(6);
  const tasked = TASKS.map((task, index): PromptJob => ({
    prompt,
    task,
    ...(index % 3 === 0 && { max_cost_usd: 0.003 }),
  }));
  return {
    models: MODELS,
    withTask: time(tasked),
    floored: time(tasked.map((job): PromptJob => ({ ...job, strategy: 'cost' }))),
    withoutTask: time(TASKS.map((task): PromptJob => ({ prompt: `${prompt}${wordsOf(task)}` }))),
  };
}

function names(): string[] {
  return Array.from({ length: MODELS }, (_, index) => `model-${index}`);
}

function catalogue(): Config {
  return Config.parse({
    providers: { east: { base_url: 'https://east.test/v1' }, west: { base_url: 'https://west.test/v1' } },
    models: Object.fromEntries(
      names().map((name, index) => [
        name,
        {
          provider: index % 2 === 0 ? 'east' : 'west',
          id: `vendor/${name}`,
          price: { input: 0.05 * (1 + (index % 37)), output: 0.2 * (1 + (index % 41)) },
        },
      ]),
    ),
    tasks: Object.fromEntries(TASKS.map((task) => [task, {}])),
    routing: { quality_floor: 0.99 },
  });
}

function evidence(): Evidence {
  const models = names().map((name, model) => {
    return [name, Object.fromEntries(TASKS.map((task, index) => [task, cellOf(model, index)]))] as const;
  });
  return { ...NO_EVIDENCE, version: 1, models: Object.fromEntries(models) };
}

function cellOf(model: number, task: number): EvidenceCell {
  let made: EvidenceCell = {};
  for (let count = 0; count < SCORES_A_CELL; count += 1) {
    const isRight = (model * 7 + task * 13 + count * 31) % 97 < 40 + (model % 50);
    made = {
      score: withFigure(made.score, isRight ? 1 : 0),
      output_tokens: withFigure(made.output_tokens, 100 + ((model + count) % 300)),
    };
  }
  return made;
}

/** Prompts of made-up words, of which each task has its own. */
function samples(): { text: string; task: string }[] {
  return TASKS.flatMap((task) =>
    Array.from({ length: 40 }, (_, index) => ({ task, text: `please ${wordsOf(task)} number ${index}` })),
  );
}

function wordsOf(task: string): string {
  const index = TASKS.indexOf(task);
  return Array.from({ length: 8 }, (_, word) => `w${index}x${word}`).join(' ');
}
