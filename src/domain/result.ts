import type { ErrorCode, GatewayError } from './errors.ts';
import type { QueuedJob } from './job.ts';
import type { ToolCall } from './request.ts';
import type { TokenUsage, UsageOutcome } from './usage.ts';

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/** A model's answer in the one normal form, whichever provider it came from. */
export type Completion = {
  content: string | null;
  /**
   * In place of a content, of what was to be embedded: a vector for each input, in their order, as base64 of little-endian
   * float32, which takes a third of the room that numbers would.
   */
  embeddings?: string[];
  tool_calls?: ToolCall[];
  refusal?: string;
  finish_reason: FinishReason;
  usage: TokenUsage;
  /** The provider's own id of this answer, and the model that it says answered. */
  response_id?: string;
  served_model?: string;
  /** What the provider says it charges, in nano-dollars, when it does. */
  billed_nanos?: number;
};

/** One line of a job's history, as results show it. */
export type AttemptSummary = {
  model: string;
  provider: string;
  outcome: UsageOutcome;
  error_code?: ErrorCode;
  status?: number;
  cost_nanos: number;
  latency_ms: number;
  /** Of a pass before the job was brought back from the dead letters. */
  earlier?: true;
};

/** How a job ended; kept in Redis under the job's id for as long as `results.keep` says. Written once. */
export type JobResult = {
  v: 1;
  job_id: string;
  /** The caller's own id (`id` or `custom_id`). */
  row_id?: string;
  status: 'completed' | 'failed';
  task: string | null;
  variant?: string;
  attempts: AttemptSummary[];
  /** All attempts together. */
  cost_nanos: number;
  /** From enqueueing to the end. */
  total_ms: number;
  finished_at: number;
  user?: string;
  metadata?: Record<string, string>;
} & (
  | {
      status: 'completed';
      model: string;
      provider: string;
      model_id: string;
      completion: Completion;
      /** Of the attempt that answered. */
      latency_ms: number;
      cached: boolean;
      score?: number;
    }
  | { status: 'failed'; error: { code: ErrorCode; message: string } }
);
export type CompletedResult = Extract<JobResult, { status: 'completed' }>;
export type FailedResult = Extract<JobResult, { status: 'failed' }>;

/** What every result tells of its job. */
export type Ended = {
  jobId: string;
  job: Pick<QueuedJob, 'id' | 'task' | 'enqueued_at' | 'user' | 'metadata'>;
  attempts: readonly AttemptSummary[];
  /** Epoch ms. */
  now: number;
};

export function resultBase({ jobId, job, attempts, now }: Ended): Omit<JobResult, 'status'> & { v: 1 } {
  return {
    v: 1,
    job_id: jobId,
    ...(job.id === undefined ? {} : { row_id: job.id }),
    task: job.task,
    attempts: [...attempts],
    cost_nanos: attempts.reduce((sum, attempt) => sum + attempt.cost_nanos, 0),
    total_ms: Math.max(0, now - job.enqueued_at),
    finished_at: now,
    ...(job.user === undefined ? {} : { user: job.user }),
    ...(job.metadata === undefined ? {} : { metadata: job.metadata }),
  };
}

export function failedResult(ended: Ended, { code, message }: GatewayError): FailedResult {
  return { ...resultBase(ended), status: 'failed', error: { code, message } };
}
