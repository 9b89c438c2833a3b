import { z } from 'zod';
import { usdToNanos } from '../domain/money.ts';
import type { Completion, FinishReason } from '../domain/result.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { badResponse, contentFiltered, failureInBody } from './failures.ts';
import type { Dialect } from './provider.ts';

/** Nonsense counts as not said. No answer has a billion tokens, and no bill may leave the exact integers. */
const Tokens = z.int().min(0).max(1_000_000_000).nullish().catch(null);

/** Only what is read of an answer, and leniently: servers differ in everything else. */
const Answer = z.object({
  id: z.string().nullish(),
  model: z.string().nullish(),
  choices: z
    .array(
      z.object({
        message: z.object({
          content: z.string().nullish(),
          refusal: z.string().nullish(),
          tool_calls: z
            .array(
              z.object({
                id: z.string(),
                function: z.object({ name: z.string(), arguments: z.string() }),
              }),
            )
            .nullish(),
        }),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z
    .object({
      prompt_tokens: Tokens,
      completion_tokens: Tokens,
      prompt_tokens_details: z.object({ cached_tokens: Tokens }).nullish().catch(null),
      completion_tokens_details: z.object({ reasoning_tokens: Tokens }).nullish().catch(null),
      /** OpenRouter: what it charges, in USD. */
      cost: z.number().min(0).max(100_000).nullish().catch(null),
    })
    .nullish()
    .catch(null),
});
type Answer = z.infer<typeof Answer>;

/** The chat-completions dialect of OpenAI and of everything that copies it. */
export function createOpenAiDialect(provider: string): Dialect {
  return {
    probePath: '/models',
    authorization: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
    toRequest: (model, request) => ({
      path: '/chat/completions',
      body: { model: model.id, messages: request.messages, max_tokens: request.maxTokens, ...request.parameters },
    }),
    toCompletion(body) {
      if (body !== null && typeof body === 'object' && 'error' in body && body.error) {
        throw failureInBody(provider, body.error);
      }
      const answer = Answer.safeParse(body);
      if (!answer.success) throw badResponse(provider, 'with a body that is no chat completion');
      return toCompletion(provider, answer.data);
    },
  };
}

function toCompletion(provider: string, answer: Answer): Completion {
  const choice = answer.choices?.[0];
  if (!choice) throw badResponse(provider, 'without choices');
  const { content, refusal, tool_calls: toolCalls } = choice.message;
  if (!content && !refusal && !toolCalls?.length) {
    throw choice.finish_reason === 'content_filter'
      ? contentFiltered(provider)
      : badResponse(provider, 'with an empty answer');
  }
  const completion: Completion = {
    content: content ?? null,
    finish_reason: toFinishReason(provider, choice.finish_reason),
    usage: toUsage(answer.usage),
  };
  if (toolCalls?.length) {
    completion.tool_calls = toolCalls.map((call) => ({ id: call.id, type: 'function', function: call.function }));
  }
  if (refusal) completion.refusal = refusal;
  if (answer.id) completion.response_id = answer.id;
  if (answer.model) completion.served_model = answer.model;
  if (typeof answer.usage?.cost === 'number') completion.billed_nanos = usdToNanos(answer.usage.cost);
  return completion;
}

function toFinishReason(provider: string, reason: string | null | undefined): FinishReason {
  switch (reason) {
    case 'stop':
    case 'length':
    case 'tool_calls':
    case 'content_filter':
      return reason;
    case 'function_call':
      return 'tool_calls';
    default:
      // A stream that was cut off upstream arrives as an answer without a reason; it must not pass for a whole one.
      throw badResponse(provider, 'with an answer that has no known finish_reason');
  }
}

function toUsage(usage: Answer['usage']): TokenUsage {
  // No request has no tokens: servers that do not count say 0.
  if (!usage?.prompt_tokens || typeof usage.completion_tokens !== 'number') {
    return { input_tokens: 0, output_tokens: 0, estimated: true };
  }
  const tokens: TokenUsage = { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens };
  if (usage.prompt_tokens_details?.cached_tokens)
    tokens.cached_input_tokens = usage.prompt_tokens_details.cached_tokens;
  if (usage.completion_tokens_details?.reasoning_tokens) {
    tokens.reasoning_tokens = usage.completion_tokens_details.reasoning_tokens;
  }
  return tokens;
}
