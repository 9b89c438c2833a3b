import { coversJob } from '../domain/budget.ts';
import type { Config, TaskConfig } from '../domain/config.ts';
import { inputsOf } from '../domain/embedding.ts';
import { type Feature, featuresOf, featuresOfInputs } from '../domain/features.ts';
import { isEmbedding, messagesOf, type PromptJob, type QueuedJob, type Strategy } from '../domain/job.ts';
import { type Capability, type Tier, TIERS } from '../domain/model.ts';
import { usdToNanos } from '../domain/money.ts';
import { hasImage, type Message, textOf } from '../domain/request.ts';
import { abilitiesOf, featureBitsOf } from './columns.ts';
import { estimateInputs, estimateTokens, type TokenEstimate } from './estimate.ts';
import type { TaskGuess } from './expectation.ts';

/** All that the router needs to know about one job. Numbers and names only, except for `promptText`. */
export type RouteQuestion = {
  task: string | null;
  /** The job's own wish. */
  strategy?: Strategy;
  /** Aliases that the job allows, its `model` or its `models`; their order matters to `order`. */
  models?: readonly string[];
  /** What a model must be able to do. */
  needs: readonly Capability[];
  /** What its request says that not every API has words for. */
  features: readonly Feature[];
  inputTokens: TokenEstimate;
  /** Set for what is to be embedded, for which every provider has its context anew for each input: the longest of them. */
  longestInputTokens?: number;
  /** Tokens that the answer may have; a model whose own limit is lower is asked for no more than that. */
  maxTokens: number;
  maxCostNanos?: number;
  maxLatencyMs?: number;
  /** The largest models that the budgets behind the job are meant for. */
  maxTier?: Tier;
  /** What a right answer is worth, in USD: a model is chosen for score times this, less its cost. */
  answerValueUsd?: number;
  /** See `routing.quality_floor`. */
  qualityFloor?: number;
  /** False keeps the job to what looks best, whatever could be learned. */
  mayExplore?: boolean;
  /** Who is assigned to a variant: the user, else the job. */
  unit: string;
  /** What the complexity is guessed from; only when there is no task, and no model that reads it from the prompt. */
  promptText?: string;
  /** What that model read. */
  guess?: TaskGuess;
  /** Aliases of the models that this job has tried already. */
  tried: readonly string[];
  /** Providers whose key has just failed. */
  avoidProviders?: readonly string[];
  /** A context that proved too short: only models with a larger one are asked. */
  minContextTokens?: number;
};

/**
 * What a question demands, as the rules read it for each model: questions have few fields or many, and reading from
 * objects of ever another shape takes longer than the rules themselves. Without a limit it is infinite.
 */
export type Demand = Required<
  Pick<RouteQuestion, 'inputTokens' | 'maxTokens' | 'maxCostNanos' | 'maxLatencyMs' | 'minContextTokens'>
> & {
  /** See `abilitiesOf`. */
  abilities: number;
  /** 1 for what is to be embedded, as in the column. */
  embeds: 0 | 1;
  /** Tokens that the context must have room for besides the answer. */
  contextTokens: number;
  /** Place in `TIERS`. */
  maxTier: number;
  /** See `featureBitsOf`. */
  features: number;
  /** Undefined when there are none, which is seen sooner than that an empty list does not have this or that. */
  avoidedProviders: readonly string[] | undefined;
};

/** What the job itself does not hold: how its attempts went, and its id in the queue. */
export type JobHistory = {
  tried?: readonly string[];
  avoidProviders?: readonly string[];
  minContextTokens?: number;
  jobId?: string;
  mayExplore?: boolean;
};

/** What a question takes over from the configuration, compiled once. */
export type QuestionDefaults = {
  tasks: ReadonlyMap<string, TaskConfig>;
  routing: Config['routing'];
  budgets: Config['budgets'];
  /** Reads the task of a job that names none from its prompt. */
  guessTask?: (promptText: string) => TaskGuess;
};

export function questionOf(
  defaults: QuestionDefaults,
  job: PromptJob | QueuedJob,
  history: JobHistory = {},
): RouteQuestion {
  const task = job.task ?? null;
  const taskConfig = task === null ? undefined : defaults.tasks.get(task);
  const models = job.model === undefined ? job.models : [job.model];
  const maxCostUsd = job.max_cost_usd ?? taskConfig?.max_cost_usd;
  const maxLatencyMs = job.max_latency_ms ?? taskConfig?.max_latency_ms;
  const answerValueUsd = job.answer_value_usd ?? taskConfig?.answer_value_usd ?? defaults.routing.answer_value_usd;
  const qualityFloor = taskConfig?.quality_floor ?? defaults.routing.quality_floor;
  const maxTier = maxTierFor(job, defaults.budgets);
  // Vectors have no scores from which anything could be learned, and those of different models do not go together.
  const mayExplore = isEmbedding(job) ? false : history.mayExplore;
  return {
    task,
    ...askedOf(job, taskConfig, defaults),
    unit: job.user ?? history.jobId ?? job.id ?? '',
    tried: history.tried ?? [],
    ...(job.strategy !== undefined && { strategy: job.strategy }),
    ...(models !== undefined && { models }),
    ...(maxCostUsd !== undefined && { maxCostNanos: usdToNanos(maxCostUsd) }),
    ...(maxLatencyMs !== undefined && { maxLatencyMs }),
    ...(answerValueUsd !== undefined && { answerValueUsd }),
    ...(qualityFloor !== undefined && !isEmbedding(job) && { qualityFloor }),
    ...(maxTier !== undefined && { maxTier }),
    ...(mayExplore !== undefined && { mayExplore }),
    ...(history.avoidProviders !== undefined && { avoidProviders: history.avoidProviders }),
    ...(history.minContextTokens !== undefined && { minContextTokens: history.minContextTokens }),
  };
}

type Asked = Pick<
  RouteQuestion,
  'needs' | 'features' | 'inputTokens' | 'longestInputTokens' | 'maxTokens' | 'promptText' | 'guess'
>;

/** What is asked, by its size and by what it takes to answer it. */
function askedOf(job: PromptJob | QueuedJob, task: TaskConfig | undefined, defaults: QuestionDefaults): Asked {
  if (isEmbedding(job)) {
    const inputs = inputsOf(job.input);
    const { longest, ...inputTokens } = estimateInputs(inputs);
    const needs = task?.requires ?? [];
    return { needs, features: featuresOfInputs(inputs), inputTokens, longestInputTokens: longest, maxTokens: 0 };
  }
  const messages = messagesOf(job);
  return {
    needs: needsOf(job, messages, task),
    features: featuresOf(messages, job),
    inputTokens: estimateTokens(messages, job),
    maxTokens: job.max_tokens ?? task?.max_tokens ?? defaults.routing.default_max_tokens,
    ...(job.task == null && looksOf(promptTextOf(messages), defaults)),
  };
}

export function demandOf(question: RouteQuestion): Demand {
  return {
    inputTokens: question.inputTokens,
    maxTokens: question.maxTokens,
    maxCostNanos: question.maxCostNanos ?? Infinity,
    maxLatencyMs: question.maxLatencyMs ?? Infinity,
    minContextTokens: question.minContextTokens ?? -Infinity,
    maxTier: question.maxTier === undefined ? TIERS.length : TIERS.indexOf(question.maxTier),
    abilities: abilitiesOf(question.needs),
    embeds: question.longestInputTokens === undefined ? 0 : 1,
    contextTokens: question.longestInputTokens ?? question.inputTokens.expected,
    features: featureBitsOf(question.features),
    avoidedProviders: question.avoidProviders?.length ? question.avoidProviders : undefined,
  };
}

function needsOf(
  job: PromptJob | QueuedJob,
  messages: readonly Message[],
  task: TaskConfig | undefined,
): readonly Capability[] {
  const needs = new Set<Capability>(task?.requires);
  if (job.tools?.length) needs.add('tools');
  if (job.response_format !== undefined && job.response_format.type !== 'text') needs.add('json');
  if (hasImage(messages)) needs.add('vision');
  return [...needs];
}

function looksOf(promptText: string, { guessTask }: QuestionDefaults): Pick<RouteQuestion, 'promptText' | 'guess'> {
  return guessTask === undefined ? { promptText } : { guess: guessTask(promptText) };
}

/** The lowest of all budgets that cover the job whatever model it is sent to. */
function maxTierFor(job: PromptJob | QueuedJob, budgets: Config['budgets']): Tier | undefined {
  let least: Tier | undefined;
  for (const name in budgets) {
    const budget = budgets[name];
    if (budget?.max_tier === undefined || !coversJob(budget, job)) continue;
    if (least === undefined || TIERS.indexOf(budget.max_tier) < TIERS.indexOf(least)) least = budget.max_tier;
  }
  return least;
}

/** What people wrote: instructions and questions, without the answers of models and tools. */
export function promptTextOf(messages: readonly Message[]): string {
  return messages
    .filter((message) => message.role !== 'assistant' && message.role !== 'tool')
    .map((message) => textOf(message.content))
    .join('\n');
}
