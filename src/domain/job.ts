import { z } from 'zod';
import type { BudgetWindow } from './budget.ts';
import { Dimensions, EmbeddingInput, type EmbeddingRequest, inputsOf } from './embedding.ts';
import { Expectation } from './expectation.ts';
import { BESIDE_OTHER_PROBLEMS } from './issues.ts';
import { Name } from './name.ts';
import { type ChatRequest, Message, type ModelRequest, SamplingParameters, textOf } from './request.ts';
import { ANSWER_CHECKS } from './validation.ts';

/**
 * The words, as they are used everywhere:
 *
 * - prompt job: one request for a completion, or for embeddings, with its task, limits and tags; the data of one BullMQ
 *   job.
 * - task: what kind of work it is (`coding`, `extraction`, ...); an open set, declared in the configuration.
 * - lane: a queue with its own share of the workers: `interactive`, `batch`, or one of your own.
 * - batch: many prompt jobs submitted together, with one id, progress, results and a summary.
 * - candidate: a model that may serve a job, with its predicted score, cost and latency.
 * - route: the ranked candidates for a job, with the reason for each, and for each model that was left out.
 * - attempt: one start of a job on one model: at most one provider call.
 * - fallback: the next attempt, on another model; a BullMQ retry of the same job.
 * - deferral: the job is put back for later and spends no attempt.
 * - account: who pays; the owner of a budget.
 * - ledger: the Redis keys that hold budgets, reservations and the usage stream; the only truth about money.
 */

export const Strategy = z.enum(['hybrid', 'cost', 'latency', 'task', 'order', 'random', 'weighted', 'round-robin']);
export type Strategy = z.infer<typeof Strategy>;

/** OpenAI takes 16. */
const MOST_METADATA = 64;

/** The fields that bound and tag a job, shared by our own row and by command-line defaults. */
const Limits = {
  /** What one attempt may cost at the most, in USD. Models whose bound is above it are not asked. */
  max_cost_usd: z.number().positive().max(1000).optional(),
  /** What all attempts of the job together may cost, in USD: each is checked against what is left. */
  max_total_usd: z.number().positive().max(1000).optional(),
  /** How long one attempt may take, in milliseconds: slower models are left out, and the call is cut off there. */
  max_latency_ms: z.int().min(1).max(3_600_000).optional(),
  /** Tokens that the answer may have at the most. */
  max_tokens: z.int().min(1).max(1_000_000).optional(),
  /** What a right answer is worth, in USD; see `routing.answer_value_usd`. */
  answer_value_usd: z.number().positive().max(1_000_000).optional(),
  /** From enqueueing to the end, waiting included, in milliseconds. */
  deadline_ms: z
    .int()
    .min(1)
    .max(30 * 86_400_000)
    .optional(),
};

const jobFields = {
  id: z.string().min(1).max(256).optional(),
  task: Name.optional(),
  prompt: z.string().min(1).optional(),
  messages: z.array(Message).min(1).max(2_000).optional(),
  /** To be embedded: the answer is a vector of each. */
  input: EmbeddingInput.optional(),
  dimensions: Dimensions.optional(),
  /** One model by alias, or several to choose from. Without it the router has all of them. */
  model: Name.optional(),
  models: z.array(Name).min(1).max(1_000).optional(),
  ...Limits,
  ...SamplingParameters.shape,
  lane: Name.optional(),
  account: Name.optional(),
  user: z.string().min(1).max(256).optional(),
  strategy: Strategy.optional(),
  /** How many attempts at the most; 1 turns fallbacks off, as for an evaluation that compares models. */
  max_attempts: z.int().min(1).max(20).optional(),
  /** False keeps this job out of the response cache; true asks for it although the temperature is not 0. */
  cache: z.boolean().optional(),
  /** What an answer must pass to count as one; else the next model is asked. See `ANSWER_CHECKS`. */
  validate: z.array(z.enum(ANSWER_CHECKS)).optional(),
  expect: Expectation.optional(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((entries) => Object.keys(entries).length <= MOST_METADATA, `must be at most ${MOST_METADATA} entries`)
    .optional(),
};

/** What a job says of a chat alone. */
const CHAT_FIELDS = [...Object.keys(SamplingParameters.shape), 'max_tokens', 'validate', 'expect'];

const { messages: _messages, tools: _tools, response_format: _format, input: _input, ...termFields } = jobFields;

/** All that a job says beside the large parts of its request. */
export const PromptTerms = z.strictObject(termFields);

/** A prompt job as a producer gives it: `prompt`, `messages` or `input`, everything else optional. Unknown fields are errors. */
export const PromptJob = z.strictObject(jobFields).superRefine((job, context) => {
  const complain = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  const asked = (['prompt', 'messages', 'input'] as const).filter((field) => job[field] !== undefined);
  if (asked.length > 1)
    complain(asked[0] as string, `give ${asked.join(' or ')}, not ${asked.length === 2 ? 'both' : 'all'}`);
  if (asked.length === 0)
    complain('prompt', 'missing: give prompt (text), messages (a list) or input (to be embedded)');
  if (job.input === undefined) {
    if (job.dimensions !== undefined) complain('dimensions', 'goes with input; leave it out');
  } else {
    const chatFields = CHAT_FIELDS.filter((field) => field in job && job[field as keyof typeof job] !== undefined);
    if (chatFields[0] !== undefined) complain(chatFields[0], `not for embeddings; leave out ${chatFields.join(', ')}`);
  }
  if (job.model !== undefined && job.models !== undefined) complain('model', 'give model or models, not both');
}, BESIDE_OTHER_PROBLEMS);
export type PromptJob = z.infer<typeof PromptJob>;

/** Where a job stands in a batch: the row's index in the file, and the batch's cap. */
export type BatchPlace = {
  id: string;
  row: number;
  max_total_usd?: number;
  /** What becomes of the row when that is spent; `reject` without it. */
  on_exhausted?: 'reject' | 'pause';
};

export type JobReply = {
  /** By which it is known. */
  to: string;
  /** It also wants the answer piece by piece while it arrives. */
  pieces?: true;
  /** How long the result is kept of a job that completed, or for which nobody waits any more: it has been told. */
  keep_ms?: number;
};

/**
 * A prompt job as it lies in the queue: checked, defaults filled in. This is what bull-board shows as the job's data.
 * `v` lets a newer worker read what an older producer wrote.
 */
export type QueuedJob = Omit<PromptJob, 'task' | 'lane' | 'account'> & {
  v: 1;
  task: string | null;
  lane: string;
  account: string;
  enqueued_at: number;
  batch?: BatchPlace;
  /** How often the job was brought back after it had failed. */
  revision?: number;
  /** The process that waits for it, and wants to be told how it ends at once. See `store/relay.ts`. */
  reply?: JobReply;
  /** The virtual key it came in with, and what that may spend. */
  api_key?: { id: string; budget_usd?: number; budget_window?: BudgetWindow };
};

const QueuedShape = z.looseObject({
  v: z.literal(1),
  task: z.string().nullable(),
  lane: z.string(),
  account: z.string(),
  enqueued_at: z.number(),
});

/**
 * Whether data read from a queue is a job that this version can run. The producer checked every field when the job came
 * in, so that a worker only has to tell a job from a ghost: BullMQ hands out empty data when a job's key was deleted.
 */
export function isQueuedJob(data: unknown): data is QueuedJob {
  const parsed = QueuedShape.safeParse(data);
  if (!parsed.success) return false;
  const { prompt, messages, input } = parsed.data;
  return typeof prompt === 'string' || Array.isArray(messages) || typeof input === 'string' || Array.isArray(input);
}

type Asking = Pick<PromptJob, 'prompt' | 'messages' | 'input'>;

/** Whether a job asks for vectors, and not for a completion. */
export function isEmbedding<Job extends Asking>(job: Job): job is Job & { input: EmbeddingInput } {
  return job.input !== undefined;
}

/** None for what is to be embedded. */
export function messagesOf(job: Asking): readonly Message[] {
  if (isEmbedding(job)) return [];
  return job.messages ?? [{ role: 'user', content: job.prompt ?? '' }];
}

const PARAMETER_NAMES = Object.keys(SamplingParameters.shape) as (keyof SamplingParameters)[];

/** The request that is sent to a model for this job. */
export function requestOf(job: PromptJob | QueuedJob, maxTokens: number): ModelRequest {
  return isEmbedding(job) ? embeddingRequestOf(job) : chatRequestOf(job, maxTokens);
}

type Embedding = Pick<PromptJob, 'dimensions'> & { input: EmbeddingInput };

function embeddingRequestOf({ input, dimensions }: Embedding): EmbeddingRequest {
  return { inputs: inputsOf(input), ...(dimensions === undefined ? {} : { dimensions }) };
}

function chatRequestOf(job: PromptJob | QueuedJob, maxTokens: number): ChatRequest {
  const parameters: Record<string, unknown> = {};
  for (const name of PARAMETER_NAMES) {
    if (job[name] !== undefined) parameters[name] = job[name];
  }
  return { messages: messagesOf(job), maxTokens, parameters };
}

/** Characters in the prompt, a token for one: what may be shown and logged where the text may not. */
export function promptLength(job: Asking): number {
  const texts = isEmbedding(job) ? inputsOf(job.input) : messagesOf(job).map(({ content }) => textOf(content));
  return texts.reduce((length, text) => length + text.length, 0);
}
