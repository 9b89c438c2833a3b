import type { Config } from '../domain/config.ts';
import type { PromptJob, QueuedJob, Strategy } from '../domain/job.ts';
import type { Tier } from '../domain/model.ts';
import { SURE_OF_TASK } from '../domain/routing-config.ts';
import { usdToNanos } from '../domain/money.ts';
import { normalQuantile } from '../domain/statistics.ts';
import { balanceDeployments, preferOtherProviders } from './arrange.ts';
import type { Basis, Candidate, RankedCandidate } from './candidates.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { type Columns, createColumns, placesOf } from './columns.ts';
import { expectationsFor } from './expectation.ts';
import { compileExperiments } from './experiment.ts';
import { draw } from './explore.ts';
import { createTaskGuesser } from './guess.ts';
import { Others } from './others.ts';
import { createForecaster, createScholar, type Knowledge } from './predict.ts';
import { demandOf, type JobHistory, questionOf, type RouteQuestion } from './question.ts';
import { createRanker, type Ranking } from './rank.ts';
import { type DropCount, type Dropped, type DropReason, dropsIn, eligibleRows } from './rules.ts';
import type { Weights } from './strategies/index.ts';
import type { TaskReader } from './text/index.ts';
import { floorFor, isGivenOrder, isUncertain, type Wish, wishOf } from './wish.ts';

/** A decision: who is asked, in which order, and why the others are not. Every model is in one of the three lists, once. */
export type Route = {
  /** Best first, as many as a job can be tried on. Empty when no model may serve the job; `dropped` says why. */
  chain: readonly RankedCandidate[];
  /** The models that may serve the job too, but come after the chain; by alias. Built when first read. */
  readonly alsoEligible: readonly Candidate[];
  /** The models that may not serve the job, and why; by alias. Built when first read. */
  readonly dropped: readonly Dropped[];
  /** Likewise in short, counted when read. */
  readonly dropCounts: ReadonlyMap<DropReason, DropCount>;
  strategy: Strategy;
  weights: Weights;
  task: string | null;
  /** Where the first of the chain may not be the one that looks best: `explored` to learn more of it. */
  why: 'best' | 'explored';
  /**
   * What a floor on quality asked for: candidates whose score, less its caution, is below come after all others. `alone`
   * when nobody but the best single model is sure to be good enough. Not told of a draw, whose scores are none.
   */
  floor?: { score: number; best: string; alone?: true };
  /** Limits that were put aside because no model could keep them; see `routing.on_no_candidate`. */
  relaxed?: 'cheapest' | 'relax-latency';
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
 * question and the knowledge: what it keeps is what it worked out from them for as long as they hold, and room to
 * calculate in. `reader` reads the tasks of jobs that name none (`sluice router train`).
 */
export function createRouter(config: Config, { reader }: { reader?: TaskReader } = {}): Router {
  const compiled = compile(config);
  const { tasks, routing, catalog } = compiled;
  const defaults = { tasks, routing, budgets: config.budgets, ...(reader && { guessTask: createTaskGuesser(reader) }) };
  return {
    route: (question, knowledge) => route(compiled, question, knowledge),
    question: (job, history) => questionOf(defaults, job, history),
    catalog,
  };
}

type Compiled = ReturnType<typeof compile>;

function compile(config: Config) {
  const { routing } = config;
  const catalog = createCatalog(config);
  const columns = createColumns(catalog.models, config);
  const tasks = new Map(Object.entries(config.tasks));
  return {
    routing,
    catalog,
    columns,
    tasks,
    /** Models that a task is restricted to. */
    taskPlaces: new Map(
      [...tasks].flatMap(([name, { models }]) => (models ? [[name, placesOf(columns, models)] as const] : [])),
    ),
    declared: placesOf(columns, Object.keys(config.models)),
    experiments: compileExperiments(config.experiments, columns),
    percentile: routing.latency_percentile === 50 ? ('p50' as const) : ('p95' as const),
    forecast: createForecaster(catalog.models),
    learn: createScholar(columns, { z: normalQuantile(routing.confidence) }),
    rank: createRanker(columns),
  };
}

/** Who may -> who first, and who else. */
function route(compiled: Compiled, question: RouteQuestion, knowledge: Knowledge): Route {
  const wish = wishOf(compiled, question, knowledge);
  const basis = basisFor(compiled, question, wish, knowledge);
  const decided = decide(compiled, basis, wish, knowledge);
  return decided.chain.length > 0 ? decided : (relax(compiled, basis, wish, knowledge) ?? decided);
}

/**
 * The same with less to keep: without the limit on latency, and, if that is wished, at the least cost. Not while a model
 * that keeps all limits only takes no calls at the moment: it is waited for first, where the lane would.
 */
function relax(compiled: Compiled, basis: Basis, wish: Wish, knowledge: Knowledge): Route | undefined {
  const relaxed = compiled.routing.on_no_candidate;
  if (relaxed === 'reject' || basis.demand.maxLatencyMs === Infinity) return undefined;
  if (dropsIn(basis).some(({ reason }) => reason === 'benched')) return undefined;
  const wider = { ...basis, demand: { ...basis.demand, maxLatencyMs: Infinity } };
  const humbler: Wish = { ...wish, strategy: 'cost', qualityFloor: undefined, tier: undefined };
  const decided = decide(compiled, wider, relaxed === 'cheapest' ? humbler : wish, knowledge);
  return decided.chain.length === 0 ? undefined : Object.assign(decided, { relaxed });
}

function basisFor(compiled: Compiled, question: RouteQuestion, { variant }: Wish, knowledge: Knowledge): Basis {
  const { columns, forecast, learn, percentile, taskPlaces } = compiled;
  // The job's own list, else the variant's, else the task's, else every model.
  const allowed = question.models === undefined ? variant?.models : placesOf(columns, question.models);
  return {
    columns,
    question,
    demand: demandOf(question),
    forecast: forecast(knowledge),
    now: knowledge.now,
    expected: expectationsFor(learn(knowledge.evidence), question.task, question.guess),
    allowed: allowed ?? (question.task === null ? undefined : taskPlaces.get(question.task)),
    tried: question.tried.length === 0 ? undefined : placesOf(columns, question.tried),
    percentile,
  };
}

function decide(compiled: Compiled, basis: Basis, wish: Wish, knowledge: Knowledge): Route {
  const { question, expected, allowed } = basis;
  const { routing, declared, learn, rank, columns } = compiled;
  const learned = learn(knowledge.evidence);
  const explores = isExplored(routing.exploration, wish, question, knowledge);
  const floor = floorFor(question, wish, learned, routing.task_guess?.confidence ?? SURE_OF_TASK);
  const eligible = eligibleRows(basis);
  const ranking = rank(basis, eligible, {
    ...wish,
    floor,
    drawn: explores ? draw(expected, basis.forecast, knowledge.random) : undefined,
    answerValueNanos: question.answerValueUsd === undefined ? undefined : usdToNanos(question.answerValueUsd),
    costPressure: knowledge.costPressure ?? 1,
    places: allowed ?? declared,
    random: knowledge.random,
    turn: knowledge.turn ?? 0,
  });
  const chain = arrange(compiled, ranking, wish, question, knowledge);
  return Object.assign(new Others(basis, eligible, chain), {
    chain,
    strategy: wish.strategy,
    weights: wish.weights,
    task: question.task,
    why: explores ? ('explored' as const) : ('best' as const),
    ...(floor && ranking.floor && !explores && { floor: floorOf(ranking.floor, aliasAt(columns, floor.best)) }),
    ...(wish.tier !== undefined && { tier: wish.tier }),
    ...(wish.variant?.label !== undefined && { variant: wish.variant.label }),
  });
}

function floorOf({ leastScore, only }: NonNullable<Ranking['floor']>, best: string): NonNullable<Route['floor']> {
  return { score: leastScore, best, ...(only !== undefined && { alone: true }) };
}

/** Only where scores or latencies count, and never on another try: a job that has failed once is not one to learn from. */
function isExplored(share: number, wish: Wish, { mayExplore, tried }: RouteQuestion, { random }: Knowledge): boolean {
  if (share === 0 || !isUncertain(wish) || mayExplore === false || tried.length > 0) return false;
  return random() < share;
}

function arrange(
  { columns, catalog, routing }: Compiled,
  { candidates, good }: Ranking,
  wish: Wish,
  question: RouteQuestion,
  knowledge: Knowledge,
): RankedCandidate[] {
  if (isGivenOrder(wish)) return candidates;
  const balance = (part: RankedCandidate[]): RankedCandidate[] =>
    columns.hasDeployments ? balanceDeployments(part, routing.balance, knowledge) : part;
  const burnt = new Set(question.tried.flatMap((alias) => catalog.byAlias.get(alias)?.provider ?? []));
  return [...preferOtherProviders(balance(candidates.slice(0, good)), burnt), ...balance(candidates.slice(good))];
}

function aliasAt({ models }: Columns, row: number): string {
  return models[row]?.alias ?? '';
}
