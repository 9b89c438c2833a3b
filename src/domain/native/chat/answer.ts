import { nanosToUsd } from '../../money.ts';
import type { CompletedResult } from '../../result.ts';
import type { TokenUsage } from '../../usage.ts';

/** Who the answer is from: as the provider says, else the pinned id that was asked for. */
export function servedModelOf({ completion, model_id }: CompletedResult): string {
  return completion.served_model ?? model_id;
}

/** OpenAI's usage, with what all attempts cost together in USD (OpenRouter's `usage.cost`). */
export function chatUsageOf({ completion, cost_nanos }: CompletedResult): object {
  const { usage } = completion;
  return {
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.input_tokens + usage.output_tokens,
    prompt_tokens_details: { cached_tokens: usage.cached_input_tokens ?? 0, ...cacheWrites(usage) },
    completion_tokens_details: { reasoning_tokens: usage.reasoning_tokens ?? 0 },
    cost: nanosToUsd(cost_nanos),
  };
}

function cacheWrites({ cache_write_tokens = 0, cache_write_1h_tokens = 0 }: TokenUsage): object {
  const written = cache_write_tokens + cache_write_1h_tokens;
  return written === 0 ? {} : { cache_write_tokens: written };
}

/** An answer as a chat completion (https://platform.openai.com/docs/api-reference/chat/object). `created`: epoch seconds. */
export function chatCompletionOf(result: CompletedResult, { id, created }: { id: string; created: number }): object {
  const { completion } = result;
  return {
    id,
    object: 'chat.completion',
    created,
    model: servedModelOf(result),
    // OpenRouter's.
    provider: result.provider,
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
    usage: chatUsageOf(result),
  };
}
