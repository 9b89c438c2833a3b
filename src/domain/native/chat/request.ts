import { z } from 'zod';
import { type Problem, check } from '../../issues.ts';
import { Message, SamplingParameters } from '../../request.ts';
import { defined } from '../defined.ts';
import type { RoutedRequest } from '../routed-request.ts';
import { withCleanHistory } from './history.ts';
import { uncarried } from '../uncarried.ts';

const FEW_MODELS = 'not every model has it; leave it out';

const EFFORTS = SamplingParameters.shape.reasoning_effort.unwrap().options;

/** What would make the answer another one than other models can give. What only says how it is served is let through. */
const UNCARRIED = {
  audio: uncarried('answers are texts here; leave it out'),
  functions: uncarried('its successor is known: use tools'),
  function_call: uncarried('its successor is known: use tool_choice'),
  logit_bias: uncarried(FEW_MODELS),
  modalities: z.array(z.literal('text', 'answers are texts here; leave it out')).nullish(),
  moderation: uncarried('run by OpenAI itself; leave it out'),
  web_search_options: uncarried('run by OpenAI itself; only tools of your own can be carried to other models'),
  plugins: z.array(z.unknown()).max(0, 'run by OpenRouter itself; leave it out').nullish(),
  top_k: uncarried('not every model has it; use top_p'),
  transforms: z.array(z.string()).max(0, 'prompts are sent as they are; leave it out').nullish(),
};

/** About how a provider serves or keeps a request, not about what is asked. */
const SERVING = {
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
  prediction: z.unknown().optional(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: z.string().nullish(),
  prompt_cache_options: z.unknown().optional(),
  verbosity: z.string().nullish(),
  route: z.string().nullish(),
  session_id: z.string().nullish(),
  include_reasoning: z.boolean().nullish(),
  cache_control: z.unknown().optional(),
  debug: z.unknown().optional(),
};

/** A parameter that is null is one that is left out. */
const Parameters = z.strictObject(
  Object.fromEntries(Object.entries(SamplingParameters.shape).map(([name, schema]) => [name, schema.nullish()])) as {
    [Name in keyof typeof SamplingParameters.shape]: z.ZodOptional<
      z.ZodNullable<(typeof SamplingParameters.shape)[Name]>
    >;
  },
);

/** A request of OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat/create), with OpenRouter's own. */
const Body = z.strictObject({
  model: z.string().min(1).max(256),
  messages: z.array(Message).min(1).max(2_000),
  ...Parameters.shape,
  reasoning_effort: z.enum([...EFFORTS, 'max']).nullish(),
  /** OpenRouter's way to say it. */
  reasoning: z
    .strictObject({
      effort: z.enum([...EFFORTS, 'max']).nullish(),
      enabled: z.boolean().nullish(),
      exclude: z.boolean().nullish(),
      max_tokens: z.int().min(0).nullish(),
    })
    .nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  user: z.string().max(256).nullish(),
  /** OpenAI's successor of `user`. */
  safety_identifier: z.string().max(256).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  n: z.literal(1, 'one answer a request; leave it out').nullish(),
  logprobs: z.literal(false, FEW_MODELS).nullish(),
  top_logprobs: z.literal(0, FEW_MODELS).nullish(),
  /** OpenRouter's: whether a stream tells its usage, who comes next, and who may. */
  usage: z.strictObject({ include: z.boolean().nullish() }).nullish(),
  models: z.array(z.string().min(1).max(256)).min(1).max(100).nullish(),
  provider: z.unknown().optional(),
  ...UNCARRIED,
  ...SERVING,
});
export type ChatBody = z.infer<typeof Body>;

export type ChatRequestBody = RoutedRequest & {
  /** A stream tells its usage in an event of its own. */
  includeUsage?: boolean;
};

/** The most that every API has a word for stands for what is above it. */
function effortOf({ reasoning_effort: effort, reasoning }: ChatBody): SamplingParameters['reasoning_effort'] {
  const asked = effort ?? reasoning?.effort ?? (reasoning?.enabled === false ? 'none' : undefined);
  return asked === 'max' ? 'xhigh' : (asked ?? undefined);
}

export function readChatRequest(
  input: unknown,
): { ok: true; value: ChatRequestBody } | { ok: false; problems: Problem[] } {
  const checked = check(Body, withCleanHistory(input));
  if (!checked.ok) return checked;
  const { value: body } = checked;
  const parameters = Object.fromEntries(
    Object.keys(SamplingParameters.shape).map((name) => [name, body[name as keyof SamplingParameters] ?? undefined]),
  ) as SamplingParameters;
  return {
    ok: true,
    value: defined<ChatRequestBody>({
      ...(parameters as { [Name in keyof SamplingParameters]-?: SamplingParameters[Name] | undefined }),
      reasoning_effort: effortOf(body),
      model: body.model,
      messages: body.messages,
      max_tokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
      user: body.safety_identifier ?? body.user ?? undefined,
      metadata: body.metadata ?? undefined,
      stream: body.stream ?? undefined,
      includeUsage: body.stream_options?.include_usage ?? body.usage?.include ?? undefined,
      models: body.models ?? undefined,
      provider: body.provider ?? undefined,
    }),
  };
}
