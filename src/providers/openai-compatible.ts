import { z } from 'zod';
import type { ProviderConfig } from '../domain/config.ts';
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

type OpenAiSettings = Pick<ProviderConfig, 'base_url' | 'max_tokens_field'>;

/** The chat-completions dialect of OpenAI and of everything that copies it. */
export function createOpenAiDialect(provider: string, { base_url, max_tokens_field }: OpenAiSettings): Dialect {
  // OpenAI's newer models refuse `max_tokens`; servers that copy its API often know nothing else.
  const isOpenAi = new URL(base_url).hostname === 'api.openai.com';
  const maxTokensField = max_tokens_field ?? (isOpenAi ? 'max_completion_tokens' : 'max_tokens');
  return {
    probePath: '/models',
    authorization: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
    toRequest: (model, request) => ({
      path: '/chat/completions',
      body: { model: model.id, messages: request.messages, [maxTokensField]: request.maxTokens, ...request.parameters },
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
  const billed = billOf(answer);
  if (!choice) throw badResponse(provider, 'without choices', billed);
  const { content, refusal, tool_calls: toolCalls } = choice.message;
  if (!content && !refusal && !toolCalls?.length) {
    throw choice.finish_reason === 'content_filter'
      ? contentFiltered(provider, billed)
      : badResponse(provider, 'with an empty answer', billed);
  }
  const finishReason = toFinishReason(choice.finish_reason);
  if (!finishReason) throw badResponse(provider, 'with an answer that has no known finish_reason', billed);
  const completion: Completion = {
    content: content ?? null,
    finish_reason: finishReason,
    usage: toUsage(answer.usage),
  };
  if (toolCalls?.length) {
    completion.tool_calls = toolCalls.map((call) => ({ id: call.id, type: 'function', function: call.function }));
  }
  if (refusal) completion.refusal = refusal;
  if (answer.id) completion.response_id = answer.id;
  if (answer.model) completion.served_model = answer.model;
  if (billed?.nanos !== undefined) completion.billed_nanos = billed.nanos;
  return completion;
}

/** Undefined for what is none: a stream that was cut off upstream arrives so, and must not pass for a whole answer. */
function toFinishReason(reason: string | null | undefined): FinishReason | undefined {
  switch (reason) {
    case 'stop':
    case 'length':
    case 'tool_calls':
    case 'content_filter':
      return reason;
    case 'function_call':
      return 'tool_calls';
    default:
      return undefined;
  }
}

/** What the provider says of its work, whatever became of it; undefined when it does not count. */
function billOf({ usage }: Answer): { usage: TokenUsage; nanos?: number } | undefined {
  const tokens = toUsage(usage);
  if (typeof usage?.cost === 'number') return { usage: tokens, nanos: usdToNanos(usage.cost) };
  return tokens.estimated ? undefined : { usage: tokens };
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
