import { z } from 'zod';
import { type Problem, check } from '../../issues.ts';
import { type Message, SamplingParameters } from '../../request.ts';
import { defined } from '../defined.ts';
import type { RoutedRequest } from '../routed-request.ts';
import { uncarried } from '../uncarried.ts';
import { Item, toMessages, withItemTypes } from './items.ts';

const JsonObject = z.record(z.string(), z.json());
const OurTools = SamplingParameters.shape.tools.unwrap();
type OurTool = z.infer<typeof OurTools>[number];

const ONLY_OPENAI = 'only OpenAI has it; leave it out';
const NOT_STORED = 'answers are not stored here; send the whole conversation as input';
const ONLY_FUNCTIONS = 'only tools of type function can be carried to other models';

const FunctionTool = z.strictObject({
  type: z.literal('function'),
  name: OurTools.element.shape.function.shape.name,
  description: z.string().nullish(),
  parameters: JsonObject.nullish(),
  strict: z.boolean().nullish(),
  allowed_callers: z.array(z.literal('direct', ONLY_OPENAI)).nullish(),
  async: z.literal(false, ONLY_OPENAI).nullish(),
  defer_loading: z.literal(false, ONLY_OPENAI).nullish(),
  output_schema: uncarried(ONLY_OPENAI),
});

/** Of what is no function, nothing else is looked at. */
const OF_OTHERS = { path: ['type'], message: ONLY_FUNCTIONS };

function isOurs(value: unknown): boolean {
  return !z.object({ type: z.string().refine((type) => type !== 'function') }).safeParse(value).success;
}

const Tool = z.custom<z.input<typeof FunctionTool>>(isOurs, OF_OTHERS).pipe(FunctionTool);

const Choice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.strictObject({ type: z.literal('function'), name: z.string() }),
]);
const ToolChoice = z.custom<z.input<typeof Choice>>(isOurs, OF_OTHERS).pipe(Choice);

const Format = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name: z.string(),
    schema: JsonObject,
    description: z.string().nullish(),
    strict: z.boolean().nullish(),
  }),
]);

const Reasoning = z.strictObject({
  effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
  /** About what is told of the thoughts, of which nothing is told here. */
  summary: z.string().nullish(),
  generate_summary: z.string().nullish(),
  context: z.string().nullish(),
  mode: z.literal('standard', ONLY_OPENAI).nullish(),
});

/** What would make the answer another one, or one of which a part is missing. */
const UNCARRIED = {
  previous_response_id: uncarried(NOT_STORED),
  conversation: uncarried(NOT_STORED),
  background: z.literal(false, 'answers are not stored here; use a batch for what may take long').nullish(),
  prompt: uncarried('templates are not stored here; send the text as instructions and input'),
  include: z
    .array(
      // Thoughts are not given out, so that nothing is missing of them.
      z.literal('reasoning.encrypted_content', 'not to be had here; leave it out'),
    )
    .nullish(),
  truncation: z.literal('disabled', 'prompts are sent as they are; leave it out').nullish(),
  top_logprobs: z.literal(0, 'not every model has it; leave it out').nullish(),
  moderation: uncarried('run by OpenAI itself; leave it out'),
  context_management: uncarried(ONLY_OPENAI),
  access_programs: uncarried(ONLY_OPENAI),
  image: uncarried(ONLY_OPENAI),
};

/** About how OpenAI serves or keeps a request, not about what is asked. */
const SERVING = {
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: z.string().nullish(),
  prompt_cache_options: z.unknown().optional(),
  /** Of tools that OpenAI runs, of which there are none. */
  max_tool_calls: z.int().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().nullish() }).nullish(),
};

/** The body of POST /v1/responses (https://platform.openai.com/docs/api-reference/responses/create), as far as other models can be asked the same. */
const ResponsesBody = z.strictObject({
  model: z.string().min(1).max(256),
  input: z.union([z.string().min(1), z.array(Item).min(1).max(2_000)]),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  temperature: SamplingParameters.shape.temperature.nullable(),
  top_p: SamplingParameters.shape.top_p.nullable(),
  tools: z.array(Tool).max(128).nullish(),
  tool_choice: ToolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.strictObject({ format: Format.nullish(), verbosity: z.string().nullish() }).nullish(),
  reasoning: Reasoning.nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  user: z.string().min(1).max(256).nullish(),
  /** The successor of `user`. */
  safety_identifier: z.string().min(1).max(256).nullish(),
  stream: z.boolean().nullish(),
  /** OpenRouter's: who comes next, and who may. */
  models: z.array(z.string().min(1).max(256)).min(1).max(100).nullish(),
  provider: z.unknown().optional(),
  ...UNCARRIED,
  ...SERVING,
});
export type ResponsesBody = z.infer<typeof ResponsesBody>;

/** Reads a body of POST /v1/responses; `body` is what an answer has to repeat. Each problem comes with its path. */
export function readResponsesRequest(
  input: unknown,
): { ok: true; body: ResponsesBody; value: RoutedRequest } | { ok: false; problems: Problem[] } {
  const checked = check(ResponsesBody, withItemTypes(input));
  if (!checked.ok) return checked;
  const body = checked.value;
  const messages = messagesOf(body);
  if (messages.length === 0)
    return { ok: false, problems: [{ path: ['input'], message: 'has nothing to answer in it' }] };
  const value = defined<RoutedRequest>({
    model: body.model,
    messages,
    max_tokens: body.max_output_tokens ?? undefined,
    temperature: body.temperature ?? undefined,
    top_p: body.top_p ?? undefined,
    reasoning_effort: toEffort(body.reasoning),
    response_format: toResponseFormat(body.text?.format),
    ...toTools(body),
    user: body.safety_identifier ?? body.user ?? undefined,
    metadata: body.metadata ?? undefined,
    stream: body.stream ?? undefined,
    models: body.models ?? undefined,
    provider: body.provider ?? undefined,
  });
  return { ok: true, body, value };
}

function messagesOf({ instructions, input }: ResponsesBody): Message[] {
  const asked: Message[] = typeof input === 'string' ? [{ role: 'user', content: input }] : toMessages(input);
  return asked.length > 0 && instructions ? [{ role: 'system', content: instructions }, ...asked] : asked;
}

/** More than all other models take is as much as they take. */
function toEffort(reasoning: ResponsesBody['reasoning']): SamplingParameters['reasoning_effort'] {
  return reasoning?.effort === 'max' ? 'xhigh' : (reasoning?.effort ?? undefined);
}

function toResponseFormat(format: z.infer<typeof Format> | null | undefined): SamplingParameters['response_format'] {
  if (format?.type !== 'json_schema') return format ?? undefined;
  const { name, schema, description, strict } = format;
  return {
    type: 'json_schema',
    json_schema: defined({ name, schema, description: description ?? undefined, strict: strict ?? undefined }),
  };
}

type Tooling = Pick<SamplingParameters, 'tools' | 'tool_choice' | 'parallel_tool_calls'>;

/** No tools are none to choose from: other APIs take no empty list. */
function toTools({ tools, tool_choice: choice, parallel_tool_calls: isParallel }: ResponsesBody): {
  [Name in keyof Tooling]-?: Tooling[Name] | undefined;
} {
  if (!tools?.length) return { tools: undefined, tool_choice: undefined, parallel_tool_calls: undefined };
  return {
    tools: tools.map(({ name, description, parameters, strict }) => ({
      type: 'function',
      function: defined<OurTool['function']>({
        name,
        description: description ?? undefined,
        parameters: parameters ?? undefined,
        strict: strict ?? undefined,
      }),
    })),
    tool_choice:
      typeof choice === 'object' && choice !== null
        ? { type: 'function', function: { name: choice.name } }
        : (choice ?? undefined),
    parallel_tool_calls: isParallel ?? undefined,
  };
}

/** Where such a body says what our own fields say, as far as a job can be wrong where a request is not. */
export function placeInResponsesRequest([first, ...rest]: Problem['path']): Problem['path'] {
  switch (first) {
    case undefined:
      return [];
    case 'messages':
      // Ours and theirs do not stand at the same places.
      return ['input'];
    case 'max_tokens':
      return ['max_output_tokens', ...rest];
    case 'response_format':
      return ['text', 'format'];
    case 'reasoning_effort':
      return ['reasoning', 'effort'];
    default:
      return [first, ...rest];
  }
}
