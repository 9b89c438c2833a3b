import type { CompletedResult, FailedResult, JobResult } from '../domain/result.ts';

/** A result as a line of OpenAI's batch output, with our own facts in `x_sluice`. Failed rows go to the errors file. */
export function outputLine(result: JobResult): string {
  const line = result.status === 'completed' ? completedLine(result) : failedLine(result);
  return JSON.stringify({
    id: `batch_req_${result.job_id}`,
    custom_id: result.row_id ?? null,
    ...line,
    x_sluice: factsOf(result),
  });
}

function completedLine(result: CompletedResult): object {
  const { completion } = result;
  const { input_tokens, output_tokens, cached_input_tokens, reasoning_tokens } = completion.usage;
  return {
    response: {
      status_code: 200,
      request_id: completion.response_id ?? result.job_id,
      body: {
        id: completion.response_id ?? `chatcmpl-${result.job_id}`,
        object: 'chat.completion',
        created: Math.floor(result.finished_at / 1_000),
        model: completion.served_model ?? result.model_id,
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content: completion.content,
              refusal: completion.refusal ?? null,
              ...(completion.tool_calls ? { tool_calls: completion.tool_calls } : {}),
            },
            logprobs: null,
            finish_reason: completion.finish_reason,
          },
        ],
        usage: {
          prompt_tokens: input_tokens,
          completion_tokens: output_tokens,
          total_tokens: input_tokens + output_tokens,
          ...(cached_input_tokens === undefined
            ? {}
            : { prompt_tokens_details: { cached_tokens: cached_input_tokens } }),
          ...(reasoning_tokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens } }),
        },
      },
    },
    error: null,
  };
}

function failedLine({ error }: FailedResult): object {
  return { response: null, error: { code: error.code, message: error.message } };
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
