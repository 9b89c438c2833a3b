import { neighbourPrediction, predictivePolicy, tablePrediction, type Training } from './baselines.ts';
import { type CeilingFigures, judgeCeilings } from './ceilings.ts';
import type { Dataset } from './data.ts';
import {
  type Figures,
  figuresOf,
  judge,
  judgeGuard,
  pointOf,
  savingOf,
  singleChoice,
  type Yardstick,
  yardstickOf,
} from './judge.ts';
import { aiqOf, meanOf } from './metrics.ts';
import { answerValuesFor, askedOf, type Choices, type Policy, type Router, routerOf } from './policies.ts';
import { type Split, splitOf } from './splits.ts';
import { thinned } from './thinning.ts';
import { type DecisionTimes, timeDecisions } from './timing.ts';
import { type CallFigures, gainByRouter, groupsOf, judgeCalls, placesByRole } from './two-models.ts';

/** One split: everything learns from its training part and is judged on its test part. */

export const METHODS = [
  'random',
  'cheapest',
  'best single',
  'zero router',
  'task table',
  'nearest neighbours',
  'oracle',
  'router',
  'router, no task',
  'router, dev too',
] as const;
export type Method = (typeof METHODS)[number];

/** How often a model is chosen of which little is known, and what its answers score more than the best single model's to the same prompts. */
export type ThinChoices = { share: number; delta: number };

export type Trial = {
  methods: Partial<Record<Method, Figures>>;
  /** The same where little is known of every third model. */
  thin: { methods: Partial<Record<Method, Figures>>; quality: ThinChoices; cost: ThinChoices };
  ceilings: CeilingFigures[];
  /** By group of rows. Of two models with roles only. */
  calls: Record<string, Partial<Record<Method, CallFigures>>>;
};

export type Setting = {
  dataset: Dataset;
  neighboursOf: (row: number) => ArrayLike<number>;
  askedWithTask: ReturnType<typeof askedOf>;
  askedWithoutTask: ReturnType<typeof askedOf>;
};

export function settingOf(dataset: Dataset, neighboursOf: Setting['neighboursOf']): Setting {
  const askedWithTask = askedOf(dataset, true);
  return { dataset, neighboursOf, askedWithTask, askedWithoutTask: askedOf(dataset, false) };
}

export function runTrial(setting: Setting, salt: string): Trial {
  const { dataset } = setting;
  const split = splitOf(dataset, salt);
  const learnt = split.relearns ? [...split.train, ...split.dev] : split.train;
  const training = trainingOf(dataset, learnt);
  const chooserTraining = split.relearns ? trainingOf(dataset, split.train) : training;
  const yardstick = yardstickOf(dataset, training, split);
  const routers = {
    withTask: routersFor(setting, training, chooserTraining, true),
    withoutTask: routersFor(setting, training, chooserTraining, false),
  };
  const { withTask, withoutTask } = routers;
  return {
    methods: {
      ...singlesIn(yardstick),
      ...learnersIn(setting, training, chooserTraining, yardstick),
      router: judge(yardstick, withTask.router.policy, withTask.chooser.policy),
      'router, no task': judge(yardstick, withoutTask.router.policy, withoutTask.chooser.policy),
      ...learnedFromAll(setting, split, yardstick),
    },
    thin: judgeThin(setting, split, training, yardstick, salt),
    ceilings: judgeCeilings(dataset, training, split.test, withTask.router),
    calls: callsIn(setting, training, split, { router: withTask.router, 'router, no task': withoutTask.router }),
  };
}

/** The guard has no trade-off to choose, so that it may learn from the dev part, too. */
function learnedFromAll(setting: Setting, split: Split, yardstick: Yardstick): Partial<Record<Method, Figures>> {
  if (split.relearns) return {};
  const all = trainingOf(setting.dataset, [...split.train, ...split.dev]);
  const { router } = routersFor(setting, all, all, true);
  return { 'router, dev too': judgeGuard(yardstick, router.policy) };
}

/** Not while anything else is measured. */
export function timesOf(setting: Setting, salt: string): Record<'withTask' | 'withoutTask', DecisionTimes> {
  const { train, test } = splitOf(setting.dataset, salt);
  const training = trainingOf(setting.dataset, train);
  return {
    withTask: timeDecisions(routersFor(setting, training, training, true).router, test),
    withoutTask: timeDecisions(routersFor(setting, training, training, false).router, test),
  };
}

function trainingOf({ rows, outcomes }: Dataset, numbers: readonly number[]): Training {
  const known = numbers.map((number) => rows[number]).filter((row) => row !== undefined);
  return { numbers, rows: known, outcomes };
}

function routersFor(
  setting: Setting,
  training: Training,
  chooserTraining: Training,
  hasTasks: boolean,
): { router: Router; chooser: Router } {
  const asked = hasTasks ? setting.askedWithTask : setting.askedWithoutTask;
  const options = { answerValuesUsd: valuesOf(setting.dataset), readsTasks: !hasTasks };
  const router = routerOf(setting.dataset, training, asked, options);
  if (training === chooserTraining) return { router, chooser: router };
  return { router, chooser: routerOf(setting.dataset, chooserTraining, asked, options) };
}

/** The same for every split, so that a value means the same in all. */
function valuesOf({ aliases, outcomes }: Dataset): number[] {
  const rows = outcomes.costsUsd.length / aliases.length;
  const means = aliases.map((_, model) =>
    meanOf(Array.from({ length: rows }, (_, row) => outcomes.costsUsd[row * aliases.length + model] || 0)),
  );
  return answerValuesFor(means);
}

function singlesIn(yardstick: Yardstick): Partial<Record<Method, Figures>> {
  const { singles, best, cheapest, oracle, costRange, dataset } = yardstick;
  const mean = { accuracy: meanOf(singles.map((one) => one.accuracy)), cost: meanOf(singles.map((one) => one.cost)) };
  const zeroRouter = dataset.cost !== 'none' && { aiq: aiqOf(singles, costRange) };
  return {
    random: figuresOf(mean),
    cheapest: { ...figuresOf(cheapest), guarded: savingOf(yardstick, cheapest) },
    'best single': figuresOf(best),
    'zero router': { ...figuresOf(best), ...zeroRouter },
    oracle: { ...figuresOf(oracle), guarded: savingOf(yardstick, oracle) },
  };
}

function learnersIn(
  { dataset, neighboursOf }: Setting,
  training: Training,
  chooserTraining: Training,
  yardstick: Yardstick,
): Partial<Record<Method, Figures>> {
  const values = valuesOf(dataset);
  const table = (from: Training): Policy => predictivePolicy(tablePrediction(dataset, from, true), values);
  const neighbours = (from: Training): Policy =>
    predictivePolicy(neighbourPrediction(dataset, from, neighboursOf), values);
  return {
    'task table': judge(yardstick, table(training), table(chooserTraining)),
    'nearest neighbours': judge(yardstick, neighbours(training), neighbours(chooserTraining)),
  };
}

/** Judged by the model that is the best when all is known. */
function judgeThin(setting: Setting, split: Split, full: Training, yardstick: Yardstick, salt: string): Trial['thin'] {
  const { dataset } = setting;
  const { training, isThin } = thinned(dataset, full, salt);
  const chooserTraining = split.relearns ? thinned(dataset, trainingOf(dataset, split.train), salt).training : training;
  const { router, chooser } = routersFor(setting, training, chooserTraining, true);
  const guess = yardstickOf(dataset, training, split);
  const choicesOf = (choices: Choices): ThinChoices => thinChoicesIn(yardstick, choices, isThin);
  return {
    methods: {
      'best single': { ...figuresOf(guess.best), guarded: savingOf(yardstick, guess.best) },
      ...learnersIn(setting, training, chooserTraining, yardstick),
      router: judge(yardstick, router.policy, chooser.policy),
    },
    quality: choicesOf(router.policy.quality(split.test)),
    cost: choicesOf(router.policy.cost?.(split.test) ?? new Int32Array()),
  };
}

function thinChoicesIn(
  { dataset, test, bestModel }: Yardstick,
  choices: Choices,
  isThin: readonly boolean[],
): ThinChoices {
  const places = test.flatMap((_, place) => (isThin[choices[place] as number] === true ? [place] : []));
  if (places.length === 0) return { share: 0, delta: 0 };
  const part = places.map((place) => test[place] as number);
  const chosen = pointOf(
    dataset,
    part,
    Int32Array.from(places, (place) => choices[place] as number),
  );
  const best = pointOf(dataset, part, singleChoice(part, bestModel));
  return { share: places.length / test.length, delta: chosen.accuracy - best.accuracy };
}

function callsIn(
  { dataset, neighboursOf }: Setting,
  training: Training,
  { test }: Split,
  routers: Partial<Record<Method, Router>>,
): Trial['calls'] {
  if (dataset.cost !== 'strong-calls') return {};
  const { weak, strong } = placesByRole(dataset);
  const gainOf = (predict: ReturnType<typeof tablePrediction>) => (row: number) => {
    const { scores } = predict(row);
    return (scores[strong] as number) - (scores[weak] as number);
  };
  const gains = {
    'task table': gainOf(tablePrediction(dataset, training, true)),
    'nearest neighbours': gainOf(neighbourPrediction(dataset, training, neighboursOf)),
    ...Object.fromEntries(Object.entries(routers).map(([name, router]) => [name, gainByRouter(router, strong)])),
  };
  return Object.fromEntries(
    [...groupsOf(dataset, test)].map(([group, part]) => [
      group,
      {
        random: { apgr: 0.5, cpt50: 0.5, cpt80: 0.8 },
        ...Object.fromEntries(Object.entries(gains).map(([name, gain]) => [name, judgeCalls(dataset, part, gain)])),
      },
    ]),
  );
}
