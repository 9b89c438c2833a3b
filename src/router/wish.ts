import type { Config, TaskConfig } from '../domain/config.ts';
import type { Strategy } from '../domain/job.ts';
import type { Tier } from '../domain/model.ts';
import { guessComplexity } from './complexity.ts';
import type { Learned } from './evidence/learned.ts';
import { rateFor } from './expectation.ts';
import { type Assignment, assignVariant, type Experiment } from './experiment.ts';
import type { Knowledge } from './predict.ts';
import type { RouteQuestion } from './question.ts';
import type { Floor } from './rank.ts';
import type { Weights } from './strategies/index.ts';

/** What a job asks for beside hard limits, by itself, by its variant, its task or the configuration. */
export type Wish = {
  strategy: Strategy;
  weights: Weights;
  /** Guessed from the looks of a prompt without a task. */
  tier: Tier | undefined;
  /** See `routing.quality_floor`. */
  qualityFloor: number | undefined;
  variant: Assignment | undefined;
};

/** Who asks for a given order, or for shares of the traffic, has said who comes after whom and who is good enough. */
const GIVEN_ORDERS: ReadonlySet<Strategy> = new Set(['order', 'random', 'weighted', 'round-robin']);

export function isGivenOrder({ strategy }: Pick<Wish, 'strategy'>): boolean {
  return GIVEN_ORDERS.has(strategy);
}

/** Whether the strategy looks at what is only estimated, by itself or for the sake of a floor: more could be learned. */
export function isUncertain({ strategy, qualityFloor }: Pick<Wish, 'strategy' | 'qualityFloor'>): boolean {
  return strategy === 'hybrid' || strategy === 'task' || strategy === 'latency' || qualityFloor !== undefined;
}

type Sources = {
  experiments: readonly Experiment[];
  tasks: ReadonlyMap<string, TaskConfig>;
  routing: Config['routing'];
};

export function wishOf({ experiments, tasks, routing }: Sources, question: RouteQuestion, knowledge: Knowledge): Wish {
  const task = question.task === null ? undefined : tasks.get(question.task);
  const variant = assignVariant(experiments, question, knowledge);
  const strategy = variant?.strategy ?? question.strategy ?? task?.strategy ?? routing.strategy;
  const isGiven = GIVEN_ORDERS.has(strategy);
  return {
    strategy,
    weights: variant?.weights ?? task?.weights ?? routing.weights,
    tier: isGiven ? undefined : tierFor(question),
    qualityFloor: isGiven ? undefined : question.qualityFloor,
    variant,
  };
}

/** A job that asks by itself for the cheapest or the quickest model gets it: no guess knows better what it is for. */
function tierFor({ task, promptText, strategy }: RouteQuestion): Tier | undefined {
  if (strategy === 'cost' || strategy === 'latency') return undefined;
  return task !== null || promptText === undefined ? undefined : guessComplexity(promptText).tier;
}

/**
 * What the floor on quality asks of this job, once scores were learned. Whoever cannot tell what kind of work it is makes
 * the safe choice: the best that is expected of all kinds that it may be, at whatever cost.
 */
export function floorFor(
  { task, guess }: RouteQuestion,
  { qualityFloor }: Wish,
  learned: Learned,
  leastConfidence: number,
): Floor | undefined {
  const exchange = qualityFloor === undefined ? undefined : learned.exchange(qualityFloor);
  if (exchange === undefined) return undefined;
  const rate = rateFor(exchange, task, guess);
  const isSure = task !== null || (guess !== undefined && guess.confidence >= leastConfidence);
  return { ratePerUsd: rate === undefined || isSure ? rate : 0, best: exchange.best };
}
