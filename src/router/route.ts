import type { Config } from '../domain/config.ts';
import type { PromptJob, QueuedJob, Strategy } from '../domain/job.ts';
import type { Tier } from '../domain/model.ts';
import type { Basis, Candidate, RankedCandidate } from './candidates.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { createColumns, type Places, placesOf } from './columns.ts';
import { guessComplexity } from './complexity.ts';
import { assignVariant, compileExperiments, type Variant } from './experiment.ts';
import { Others } from './others.ts';
import { createForecaster, type Knowledge } from './predict.ts';
import { demandOf, type JobHistory, questionOf, type RouteQuestion } from './question.ts';
import { createRanker } from './rank.ts';
import { type Dropped, eligibleRows } from './rules.ts';
import type { Weights } from './strategies/index.ts';

/** A decision: who is asked, in which order, and why the others are not. Every model is in one of the three lists, once. */
export type Route = {
  /** Best first, as many as a job can be tried on. Empty when no model may serve the job; `dropped` says why. */
  chain: readonly RankedCandidate[];
  /** The models that may serve the job too, but come after the chain; by alias. Built when first read. */
  readonly alsoEligible: readonly Candidate[];
  /** The models that may not serve the job, and why; by alias. Built when first read. */
  readonly dropped: readonly Dropped[];
  strategy: Strategy;
  weights: Weights;
  task: string | null;
  /** The tier guessed from the prompt of a job without a task: models below it come after all others. */
  tier?: Tier;
  /** `experiment:variant`. */
  variant?: string;
};

export type Router = {
  route: (question: RouteQuestion, knowledge: Knowledge) => Route;
  question: (job: QueuedJob | PromptJob, history?: JobHistory) => RouteQuestion;
  catalog: Catalog;
};

/**
 * Compiles the configuration once. The router that it returns does no I/O, and its decisions depend on nothing but the
 * question and the knowledge: what it keeps is a forecast for as long as that holds, and room to calculate in.
 */
export function createRouter(config: Config): Router {
  const catalog = createCatalog(config);
  const columns = createColumns(catalog.models, config);
  const declared = placesOf(columns, Object.keys(config.models));
  const experiments = compileExperiments(config.experiments, columns);
  const tasks = new Map(Object.entries(config.tasks));
  const taskPlaces = new Map(
    [...tasks].flatMap(([name, { models }]) => (models ? [[name, placesOf(columns, models)] as const] : [])),
  );
  const percentile = config.routing.latency_percentile === 50 ? 'p50' : 'p95';
  const forecast = createForecaster(catalog.models);
  const rank = createRanker(columns);
  return { route, question: (job, history) => questionOf({ tasks, routing: config.routing }, job, history), catalog };

  /** Who may -> who first, and who else. */
  function route(question: RouteQuestion, knowledge: Knowledge): Route {
    const task = question.task === null ? undefined : tasks.get(question.task);
    const variant = assignVariant(experiments, question);
    const strategy = variant?.strategy ?? question.strategy ?? task?.strategy ?? config.routing.strategy;
    const weights = variant?.weights ?? task?.weights ?? config.routing.weights;
    const tier = tierFor(question, strategy);
    const allowed = placesFor(question, variant);

    const basis: Basis = {
      columns,
      question,
      demand: demandOf(question),
      forecast: forecast(knowledge),
      now: knowledge.now,
      scores: columns.scoresFor(question.task),
      allowed,
      tried: question.tried.length === 0 ? undefined : placesOf(columns, question.tried),
      percentile,
    };
    const places = allowed ?? declared;
    const eligible = eligibleRows(basis);
    const chain = rank(basis, eligible, {
      strategy,
      tier,
      weights,
      places,
      random: knowledge.random,
      turn: knowledge.turn ?? 0,
    });
    return Object.assign(new Others(basis, eligible, chain), {
      chain,
      strategy,
      weights,
      task: question.task,
      ...(tier !== undefined && { tier }),
      ...(variant !== undefined && { variant: variant.label }),
    });
  }

  /** The job's own list, else the variant's, else the task's, else every model. */
  function placesFor(question: RouteQuestion, variant: Variant | undefined): Places | undefined {
    if (question.models !== undefined) return placesOf(columns, question.models);
    return variant?.models ?? (question.task === null ? undefined : taskPlaces.get(question.task));
  }
}

/** Who asks for a given order, or for chance, has said who is good enough; elsewhere a job without a task is looked at. */
function tierFor(question: RouteQuestion, strategy: Strategy): Tier | undefined {
  if (question.task !== null || question.promptText === undefined) return undefined;
  if (strategy === 'order' || strategy === 'random' || strategy === 'weighted') return undefined;
  return guessComplexity(question.promptText).tier;
}
