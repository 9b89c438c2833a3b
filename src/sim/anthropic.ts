import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Reply } from './reply.ts';
import { type ChatRequest, type Completion, type FinishReason, type Refusal, type Wire } from './wire.ts';
import { piecesOf, readChatRequest } from './wire.ts';

/** The wire format of Anthropic's Messages API (https://platform.claude.com/docs/en/api/messages). */

const Block = z.object({ type: z.string(), text: z.string().optional() });
const Content = z.union([
  z.string(),
  z.array(z.looseObject({ ...Block.shape, content: z.union([z.string(), z.array(Block)]).nullish() })),
]);
type Content = z.infer<typeof Content>;

const MessagesRequest = z.object({
  model: z.string().min(1),
  max_tokens: z.int().min(1),
  system: Content.nullish(),
  messages: z.array(z.object({ role: z.enum(['user', 'assistant', 'system']), content: Content })).min(1),
  tools: z.array(z.object({ name: z.string(), input_schema: z.unknown() })).nullish(),
  tool_choice: z.object({ type: z.enum(['auto', 'any', 'tool', 'none']), name: z.string().optional() }).nullish(),
  output_config: z
    .object({ format: z.object({ type: z.literal('json_schema'), schema: z.unknown() }).nullish() })
    .nullish(),
  stream: z.boolean().nullish(),
});
type MessagesRequest = z.infer<typeof MessagesRequest>;

export const anthropicWire: Wire = {
  purposeOf(method, path, headers) {
    if (method === 'POST' && path === '/v1/messages') return 'chat';
    const isListed = method === 'GET' && path === '/v1/models' && headers['anthropic-version'] !== undefined;
    return isListed ? 'models' : undefined;
  },
  // Either will do; the official clients changed from the first to the second.
  keyOf: ({ 'x-api-key': key, authorization }) =>
    typeof key === 'string' ? key : /^Bearer (.+)$/.exec(authorization ?? '')?.[1],
  headers: () => ({ 'request-id': newRequestId() }),
  read(body) {
    const result = MessagesRequest.safeParse(body);
    if (result.success) return readChatRequest(toChatRequest(result.data));
    const issue = result.error.issues[0];
    return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
  },
  completionBody: (completion) => JSON.stringify(messageOf(completion)),
  events: (completion) =>
    eventsOf(completion).map((event) => ({
      text: `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
      characters: charactersIn(event),
    })),
  refuse,
  modelsBody: (ids, created) =>
    JSON.stringify({
      data: ids.map((id) => ({
        type: 'model',
        id,
        display_name: id,
        created_at: new Date(created * 1_000).toISOString(),
      })),
      has_more: false,
      first_id: ids[0] ?? null,
      last_id: ids.at(-1) ?? null,
    }),
};

function newRequestId(): string {
  return `req_${randomUUID().replaceAll('-', '').slice(0, 24)}`;
}

function toChatRequest(request: MessagesRequest): z.input<typeof ChatRequest> {
  const { model, max_tokens, system, messages, tools, tool_choice: choice, output_config: output, stream } = request;
  return {
    model,
    max_tokens,
    messages: [
      ...(system ? [{ role: 'system' as const, content: system }] : []),
      ...messages.flatMap(({ role, content }) => toMessages(role, content)),
    ],
    tools: tools?.map(({ name, input_schema: parameters }) => ({ function: { name, parameters } })),
    tool_choice: choice?.type === 'tool' ? { function: { name: choice.name ?? '' } } : CHOICES[choice?.type ?? 'auto'],
    response_format: output?.format
      ? { type: 'json_schema', json_schema: { schema: asUnderstood(output.format.schema) } }
      : undefined,
    stream,
  };
}

const CHOICES = { auto: 'auto', any: 'required', none: 'none' } as const;

/** Results of tools are messages of their own, so that the prompt is what the user said last. */
function toMessages(role: 'user' | 'assistant' | 'system', content: Content): ChatRequest['messages'] {
  if (typeof content === 'string') return [{ role, content }];
  const results = content.filter(({ type }) => type === 'tool_result');
  const others = content.filter(({ type }) => type !== 'tool_result');
  return [
    ...results.map(({ content: told }) => ({ role: 'tool' as const, content: told ?? '' })),
    ...(others.length === 0 ? [] : [{ role, content: others }]),
  ];
}

/** Models read descriptions: of a text that is described as JSON they write some. */
function asUnderstood(schema: unknown): unknown {
  const Text = z.looseObject({ type: z.literal('string'), description: z.string().regex(/JSON object/) });
  const parsed = z.looseObject({ properties: z.record(z.string(), z.unknown()) }).safeParse(schema);
  if (!parsed.success) return schema;
  const properties = Object.entries(parsed.data.properties).map(([name, property]) => [
    name,
    Text.safeParse(property).success ? { const: '{"text":"some"}' } : property,
  ]);
  return { ...parsed.data, properties: Object.fromEntries(properties) };
}

const STOP_REASONS: Record<FinishReason, string> = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' };

function messageOf(completion: Completion): Record<string, unknown> {
  const { id, model, finishReason, outputTokens } = completion;
  return {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    content: contentOf(completion),
    container: null,
    diagnostics: null,
    stop_reason: STOP_REASONS[finishReason],
    stop_sequence: null,
    stop_details: null,
    usage: usageOf(completion, outputTokens),
  };
}

type ContentBlock =
  | { type: 'text'; text: string; citations: null }
  | { type: 'tool_use'; id: string; name: string; input: unknown; caller: { type: 'direct' } };

function contentOf({ id, text, toolCall }: Completion): ContentBlock[] {
  if (toolCall === undefined) return text === '' ? [] : [{ type: 'text', text, citations: null }];
  const { name, arguments: input } = toolCall;
  return [{ type: 'tool_use', id: `toolu_${id}`, name, input: JSON.parse(input), caller: { type: 'direct' } }];
}

function usageOf({ inputTokens }: Completion, outputTokens: number): object {
  return {
    input_tokens: inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: null,
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: 'not_available',
    speed: null,
  };
}

type Event = { type: string; [field: string]: unknown };

function eventsOf(completion: Completion): Event[] {
  const { inputTokens, outputTokens, finishReason } = completion;
  const unfinished = { content: [], stop_reason: null, usage: usageOf(completion, Math.min(1, outputTokens)) };
  return [
    { type: 'message_start', message: { ...messageOf(completion), ...unfinished } },
    { type: 'ping' },
    ...contentOf(completion).flatMap(eventsOfBlock),
    {
      type: 'message_delta',
      delta: { container: null, stop_reason: STOP_REASONS[finishReason], stop_sequence: null, stop_details: null },
      usage: {
        input_tokens: inputTokens,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: outputTokens,
        output_tokens_details: null,
        server_tool_use: null,
      },
    },
    { type: 'message_stop' },
  ];
}

function eventsOfBlock(block: ContentBlock, index: number): Event[] {
  const start = block.type === 'text' ? { ...block, text: '' } : { ...block, input: {} };
  const deltas =
    block.type === 'text'
      ? piecesOf(block.text).map((text) => ({ type: 'text_delta', text }))
      : piecesOf(JSON.stringify(block.input)).map((json) => ({ type: 'input_json_delta', partial_json: json }));
  return [
    { type: 'content_block_start', index, content_block: start },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

function charactersIn({ delta }: Event): number {
  const { text = '', partial_json: json = '' } = Delta.safeParse(delta).data ?? {};
  return text.length + json.length;
}

const Delta = z.object({ text: z.string().optional(), partial_json: z.string().optional() });

/** The words of https://platform.claude.com/docs/en/api/errors for each status. */
const ERRORS: Record<number, { type: string; message: string }> = {
  401: { type: 'authentication_error', message: 'invalid x-api-key' },
  402: { type: 'billing_error', message: 'Your credit balance is too low to access the API.' },
  403: { type: 'permission_error', message: 'Your API key does not have permission to use this resource.' },
  413: { type: 'request_too_large', message: 'The request is too large.' },
  429: { type: 'rate_limit_error', message: 'This request would exceed the rate limit of your organization.' },
  504: { type: 'timeout_error', message: 'The request timed out.' },
  529: { type: 'overloaded_error', message: 'Overloaded' },
};

function refuse({ status, model = '', message, retryAfterSeconds }: Refusal): Reply {
  const requestId = newRequestId();
  const error = message === undefined ? errorOf(status, model) : { type: 'invalid_request_error', message };
  return {
    status,
    headers: {
      'request-id': requestId,
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    },
    body: JSON.stringify({ type: 'error', error, request_id: requestId }),
  };
}

function errorOf(status: number, model: string): { type: string; message: string } {
  if (status === 404) return { type: 'not_found_error', message: `model: ${model}` };
  return (
    ERRORS[status] ??
    (status < 500
      ? { type: 'invalid_request_error', message: 'The request was refused.' }
      : { type: 'api_error', message: 'Internal server error' })
  );
}
