import type { Config } from '../domain/config.ts';
import type { PromptJob, QueuedJob, Strategy } from '../domain/job.ts';
import type { Tier } from '../domain/model.ts';
import { type AliasPlaces, type Candidate, type Dropped, keepTier, placesOf, screenModels } from './candidates.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { guessComplexity } from './complexity.ts';
import { assignVariant, compileExperiments, type Variant } from './experiment.ts';
import type { Knowledge } from './predict.ts';
import { type JobHistory, questionOf, type RouteQuestion } from './question.ts';
import { rank, type Weights } from './strategies/index.ts';

/** A decision: who is asked, in which order, and why the others are not. */
export type Route = {
  /** Best first (beyond the 20th in no order). Empty when no model may serve the job; `dropped` says why. */
  chain: readonly Candidate[];
  /** Every configured model is either in the chain or here, once. */
  dropped: readonly Dropped[];
  strategy: Strategy;
  weights: Weights;
  task: string | null;
  /** The tier guessed from the prompt of a job without a task. */
  tier?: Tier;
  /** `experiment:variant`. */
  variant?: string;
};

export type Router = {
  route: (question: RouteQuestion, knowledge: Knowledge) => Route;
  question: (job: QueuedJob | PromptJob, history?: JobHistory) => RouteQuestion;
  catalog: Catalog;
};

/** Compiles the configuration once; the router it returns holds no state and does no I/O. */
export function createRouter(config: Config): Router {
  const catalog = createCatalog(config);
  const declared = placesOf(Object.keys(config.models));
  const experiments = compileExperiments(config.experiments);
  const tasks = new Map(Object.entries(config.tasks));
  const taskPlaces = new Map(
    Object.entries(config.tasks).flatMap(([name, { models }]) => (models ? [[name, placesOf(models)] as const] : [])),
  );
  const percentile = config.routing.latency_percentile === 50 ? 'p50' : 'p95';
  return { route, question: (job, history) => questionOf({ tasks, routing: config.routing }, job, history), catalog };

  /** Who may -> how able must it be -> who first. */
  function route(question: RouteQuestion, knowledge: Knowledge): Route {
    const task = question.task === null ? undefined : tasks.get(question.task);
    const variant = assignVariant(experiments, question);
    const strategy = variant?.strategy ?? question.strategy ?? task?.strategy ?? config.routing.strategy;
    const weights = variant?.weights ?? task?.weights ?? config.routing.weights;
    const allowed = placesFor(question, variant);

    const screened = screenModels(catalog.models, question, { allowed, percentile }, knowledge);
    const tier = tierFor(question, strategy);
    const { survivors, dropped } = tier === undefined ? screened : keepTier(screened, tier);
    return {
      chain: rank(strategy, survivors, { weights, places: allowed ?? declared, random: knowledge.random }),
      dropped,
      strategy,
      weights,
      task: question.task,
      ...(tier !== undefined && { tier }),
      ...(variant !== undefined && { variant: variant.label }),
    };
  }

  /** The job's own list, else the variant's, else the task's, else every model. */
  function placesFor(question: RouteQuestion, variant: Variant | undefined): AliasPlaces | undefined {
    if (question.models !== undefined) return placesOf(question.models);
    return variant?.models ?? (question.task === null ? undefined : taskPlaces.get(question.task));
  }
}

/** Who asks for a given order, or for chance, has said who is good enough; elsewhere a job without a task is looked at. */
function tierFor(question: RouteQuestion, strategy: Strategy): Tier | undefined {
  if (question.task !== null || question.promptText === undefined) return undefined;
  if (strategy === 'order' || strategy === 'random' || strategy === 'weighted') return undefined;
  return guessComplexity(question.promptText).tier;
}
