import type { JobResult } from './result.ts';

/** What a line of a batch's output says: an answer, or an error, by HTTP or without. */
export type BatchLineTold = {
  response: { status_code: number; request_id: string; body: object } | null;
  error: { code: string; message: string } | null;
};

/**
 * A line of OpenAI's batch output (https://platform.openai.com/docs/guides/batch), with our own facts in `x_sluice`.
 * `customId` is the row's own id.
 */
export function batchLine(result: JobResult, told: BatchLineTold, customId: string | null): string {
  return JSON.stringify({ ...batchLineHead(result.job_id, customId), ...told, x_sluice: factsOf(result) });
}

/** Of a row that has no result, there is nothing else to tell. */
export function batchLineWithoutResult(jobId: string, told: BatchLineTold, customId: string | null): string {
  return JSON.stringify({ ...batchLineHead(jobId, customId), ...told });
}

function batchLineHead(jobId: string, customId: string | null): { id: string; custom_id: string | null } {
  return { id: `batch_req_${jobId}`, custom_id: customId };
}

function factsOf(result: JobResult): object {
  const answered = result.status === 'completed' ? result : undefined;
  return {
    ...(answered ? { model: answered.model, provider: answered.provider } : {}),
    task: result.task,
    cost_usd: result.cost_nanos / 1e9,
    ...(answered ? { latency_ms: answered.latency_ms, cached: answered.cached } : {}),
    total_ms: result.total_ms,
    ...(answered?.variant === undefined ? {} : { variant: answered.variant }),
    ...(answered?.score === undefined ? {} : { score: answered.score }),
    attempts: result.attempts.map(({ cost_nanos, ...attempt }) => ({ ...attempt, cost_usd: cost_nanos / 1e9 })),
    ...(result.user === undefined ? {} : { user: result.user }),
    ...(result.metadata === undefined ? {} : { metadata: result.metadata }),
  };
}
