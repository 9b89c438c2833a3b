import { z } from 'zod';
import { type Problem, check } from '../../issues.ts';
import { type Message, SamplingParameters } from '../../request.ts';
import { CacheControl, SystemContent, toMessages, Turn } from './turns.ts';
import { defined } from '../defined.ts';
import { uncarried } from '../uncarried.ts';

const JsonObject = z.record(z.string(), z.json());
const OurTools = SamplingParameters.shape.tools.unwrap();
type OurTool = z.infer<typeof OurTools>[number];

const ONLY_ANTHROPIC = 'only Anthropic has it; leave it out';

const OwnTool = z.strictObject({
  type: z.literal('custom').nullish(),
  name: OurTools.element.shape.function.shape.name,
  description: z.string().optional(),
  input_schema: JsonObject,
  strict: z.boolean().optional(),
  cache_control: CacheControl,
  input_examples: uncarried('not every model takes examples; put them into the description'),
  /** About when the pieces of its input are sent. */
  eager_input_streaming: z.boolean().nullish(),
  allowed_callers: z.array(z.literal('direct', 'only calls by the model itself can be carried')).optional(),
  defer_loading: z.literal(false, ONLY_ANTHROPIC).optional(),
});

/** Of a tool that is not the caller's own, nothing else is looked at. */
const Tool = z
  .custom<z.input<typeof OwnTool>>((tool) => !isOfAnthropic(tool), {
    path: ['type'],
    message: 'run by Anthropic itself; only tools of your own can be carried to other models',
  })
  .pipe(OwnTool);

function isOfAnthropic(tool: unknown): boolean {
  return z.object({ type: z.string().refine((type) => type !== 'custom') }).safeParse(tool).success;
}

const isSingle = z.boolean().optional();
const ToolChoice = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('auto'), disable_parallel_tool_use: isSingle }),
  z.strictObject({ type: z.literal('any'), disable_parallel_tool_use: isSingle }),
  z.strictObject({ type: z.literal('tool'), name: z.string(), disable_parallel_tool_use: isSingle }),
  z.strictObject({ type: z.literal('none') }),
]);

const OutputConfig = z.strictObject({
  effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(),
  format: z.strictObject({ type: z.literal('json_schema'), schema: JsonObject }).nullish(),
});

const display = z.string().nullish();
const Thinking = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('adaptive'), display }),
  z.strictObject({ type: z.literal('enabled'), budget_tokens: z.int().min(1_024), display }),
  z.strictObject({ type: z.literal('disabled') }),
  z.strictObject({ type: z.literal('between_tools') }),
]);

/** Thoughts of earlier turns are left out in any case; whatever else it does takes away what the model is to see. */
const ContextManagement = z.strictObject({
  edits: z.array(z.looseObject({ type: z.string().startsWith('clear_thinking_', ONLY_ANTHROPIC) })).optional(),
});

/** The body of POST /v1/messages (https://platform.claude.com/docs/en/api/messages), as far as other models can be asked the same. */
const Body = z
  .strictObject({
    model: z.string().min(1),
    max_tokens: z.int().min(1),
    system: SystemContent.optional(),
    messages: z.array(Turn).min(1).max(2_000),
    temperature: z.number().min(0).max(1).optional(),
    top_p: SamplingParameters.shape.top_p,
    stop_sequences: z.array(z.string()).max(4).optional(),
    tools: z.array(Tool).max(128).optional(),
    tool_choice: ToolChoice.optional(),
    output_config: OutputConfig.default({}),
    thinking: Thinking.optional(),
    metadata: z.strictObject({ user_id: z.string().nullish() }).default({}),
    stream: z.boolean().optional(),
    /** About how Anthropic serves the request, not about what is asked. */
    service_tier: z.string().optional(),
    diagnostics: z.unknown().optional(),
    cache_control: CacheControl,
    context_management: ContextManagement.nullish(),
    speed: z.literal('standard', ONLY_ANTHROPIC).nullish(),
    /** It is not a mere hint: a `top_k` of 1 asks for the one likeliest answer. Anthropic's newer models have it no longer. */
    top_k: uncarried('not every model has it; use top_p'),
    thread: uncarried('conversations are not stored here; send all messages'),
    container: uncarried(ONLY_ANTHROPIC),
    inference_geo: uncarried(ONLY_ANTHROPIC),
    mcp_servers: uncarried('called by Anthropic itself; only tools of your own can be carried to other models'),
  })
  .superRefine(({ messages }, context) => {
    if (messages.at(-1)?.role !== 'assistant') return;
    context.addIssue({
      code: 'custom',
      path: ['messages', messages.length - 1],
      message: 'other models cannot go on from the beginning of an answer; end with a message of the user',
    });
  });
type Body = z.infer<typeof Body>;

/** A request in the words of a job. */
export type AnthropicRequest = SamplingParameters & {
  /** The provider's own id. */
  model: string;
  messages: Message[];
  max_tokens: number;
  user?: string;
  stream?: boolean;
};

/** Reads a body of POST /v1/messages. What other models cannot be told is a problem, each with its path. */
export function readAnthropicRequest(
  input: unknown,
): { ok: true; value: AnthropicRequest } | { ok: false; problems: Problem[] } {
  const checked = check(Body, input);
  if (!checked.ok) return checked;
  const { model, max_tokens, system, messages, metadata, stream, ...asked } = checked.value;
  const prompt = system === undefined ? [] : toMessages({ role: 'system', content: system });
  const value = defined<AnthropicRequest>({
    model,
    max_tokens,
    messages: [...prompt, ...messages.flatMap(toMessages)],
    user: metadata.user_id ?? undefined,
    stream,
    temperature: asked.temperature,
    top_p: asked.top_p,
    stop: asked.stop_sequences,
    reasoning_effort: toEffort(checked.value),
    response_format: toResponseFormat(asked.output_config),
    ...toTools(asked),
  });
  return { ok: true, value };
}

/** Thinking that is turned off goes before an effort, and an effort before a budget, which counts by its part of the tokens. */
function toEffort({ thinking, output_config, max_tokens }: Body): SamplingParameters['reasoning_effort'] {
  if (thinking?.type === 'disabled' || thinking?.type === 'between_tools') return 'none';
  // More than all other models take is as much as they take.
  if (output_config.effort) return output_config.effort === 'max' ? 'xhigh' : output_config.effort;
  if (thinking?.type !== 'enabled') return thinking === undefined ? undefined : 'high';
  const share = thinking.budget_tokens / max_tokens;
  if (share <= 0.3) return 'low';
  return share <= 0.6 ? 'medium' : 'high';
}

function toResponseFormat({ format }: z.infer<typeof OutputConfig>): SamplingParameters['response_format'] {
  if (!format) return undefined;
  return { type: 'json_schema', json_schema: { name: 'response', schema: format.schema } };
}

type Tooling = Pick<SamplingParameters, 'tools' | 'tool_choice' | 'parallel_tool_calls'>;

function toTools({ tools, tool_choice: choice }: Pick<Body, 'tools' | 'tool_choice'>): {
  [Name in keyof Tooling]-?: Tooling[Name] | undefined;
} {
  // No tools are none to choose from: other APIs take no empty list.
  if (!tools?.length) return { tools: undefined, tool_choice: undefined, parallel_tool_calls: undefined };
  const isParallel = choice === undefined || choice.type === 'none' || choice.disable_parallel_tool_use !== true;
  return {
    tools: tools.map(({ name, description, input_schema: parameters, strict }) => ({
      type: 'function',
      function: defined<OurTool['function']>({ name, description, parameters, strict }),
    })),
    tool_choice: toToolChoice(choice),
    parallel_tool_calls: isParallel ? undefined : false,
  };
}

function toToolChoice(choice: Body['tool_choice']): SamplingParameters['tool_choice'] {
  switch (choice?.type) {
    case 'any':
      return 'required';
    case 'tool':
      return { type: 'function', function: { name: choice.name } };
    default:
      return choice?.type;
  }
}

/** Where such a body says what our own fields say, as far as a job can be wrong where a request is not. */
export function placeInAnthropicRequest([first, ...rest]: Problem['path']): Problem['path'] {
  switch (first) {
    case undefined:
      return [];
    case 'stop':
      return ['stop_sequences', ...rest];
    case 'user':
      return ['metadata', 'user_id'];
    case 'messages':
      // Ours and theirs do not stand at the same places.
      return ['messages'];
    default:
      return [first, ...rest];
  }
}
