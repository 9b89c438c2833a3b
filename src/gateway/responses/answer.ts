import { nanosToUsd } from '../../domain/money.ts';
import { servedModelOf } from '../../domain/native/chat/answer.ts';
import type { ResponsesBody } from '../../domain/native/responses/request.ts';
import type { ToolCall } from '../../domain/request.ts';
import type { Completion, CompletedResult } from '../../domain/result.ts';
import type { AnswerContext } from '../face.ts';

/** What the items of an answer are called after its own id, so that an answer is the same whenever it is written. */
export type ItemIds = { message: string; call: (index: number) => string };

export function itemIdsOf(responseId: string): ItemIds {
  const own = responseId.replace(/^resp_/, '');
  return { message: `msg_${own}`, call: (index) => `fc_${own}_${index}` };
}

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';
export type Part = { type: 'output_text'; text: string; annotations: never[]; logprobs: never[] } | RefusalPart;
type RefusalPart = { type: 'refusal'; refusal: string };
type MessageItem = { id: string; type: 'message'; status: ItemStatus; role: 'assistant'; content: Part[] };
type CallItem = {
  id: string;
  type: 'function_call';
  status: ItemStatus;
  call_id: string;
  name: string;
  arguments: string;
};
export type OutputItem = MessageItem | CallItem;

export function textPartOf(text: string): Part {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

export function refusalPartOf(refusal: string): Part {
  return { type: 'refusal', refusal };
}

export function callItemOf(id: string, status: ItemStatus, { id: callId, function: called }: ToolCall): CallItem {
  return { id, type: 'function_call', status, call_id: callId, name: called.name, arguments: called.arguments };
}

/** An answer as a response (https://platform.openai.com/docs/api-reference/responses/object). */
export function toResponse(result: CompletedResult, body: ResponsesBody, context: AnswerContext) {
  return completedResponse(result, outputOf(result.completion, itemIdsOf(context.id)), body, context);
}

function outputOf({ content, refusal, tool_calls = [], finish_reason }: Completion, ids: ItemIds): OutputItem[] {
  const status = 'completed';
  const said = [...(content ? [textPartOf(content)] : []), ...(refusal ? [refusalPartOf(refusal)] : [])];
  // An answer in which nothing is said is an empty text.
  const parts = said.length === 0 && tool_calls.length === 0 ? [textPartOf('')] : said;
  const message: MessageItem = { id: ids.message, type: 'message', status, role: 'assistant', content: parts };
  const calls = tool_calls.map((call, index) => callItemOf(ids.call(index), status, call));
  return endedItems(parts.length > 0 ? [message, ...calls] : calls, finish_reason);
}

/** Of an answer that broke off, the last item is the one in which it did. */
export function endedItems(items: readonly OutputItem[], reason: Completion['finish_reason']): OutputItem[] {
  const last = isWhole(reason) ? 'completed' : 'incomplete';
  return items.map((item, index) => ({ ...item, status: index === items.length - 1 ? last : 'completed' }));
}

export function isWhole(reason: Completion['finish_reason']): boolean {
  return reason !== 'length' && reason !== 'content_filter';
}

export function completedResponse(
  result: CompletedResult,
  output: readonly OutputItem[],
  body: ResponsesBody,
  context: AnswerContext,
) {
  const { finish_reason: reason } = result.completion;
  return {
    ...responseBase(body, context),
    status: isWhole(reason) ? ('completed' as const) : ('incomplete' as const),
    completed_at: isWhole(reason) ? Math.max(context.created, Math.floor(result.finished_at / 1_000)) : null,
    incomplete_details: isWhole(reason)
      ? null
      : { reason: reason === 'length' ? ('max_output_tokens' as const) : ('content_filter' as const) },
    model: servedModelOf(result),
    output: [...output],
    usage: usageOf(result),
  };
}

/** OpenAI's usage, with what all attempts cost together in USD (OpenRouter's `usage.cost`). */
function usageOf({ completion, cost_nanos }: CompletedResult) {
  const { usage } = completion;
  return {
    input_tokens: usage.input_tokens,
    input_tokens_details: {
      cached_tokens: usage.cached_input_tokens ?? 0,
      cache_write_tokens: (usage.cache_write_tokens ?? 0) + (usage.cache_write_1h_tokens ?? 0),
    },
    output_tokens: usage.output_tokens,
    output_tokens_details: { reasoning_tokens: usage.reasoning_tokens ?? 0 },
    total_tokens: usage.input_tokens + usage.output_tokens,
    cost: nanosToUsd(cost_nanos),
  };
}

/** What does not come from the answer: the request's own words repeated, defaults filled in as the API does. */
export function responseBase(body: ResponsesBody, { id, created }: AnswerContext) {
  return {
    id,
    object: 'response' as const,
    created_at: created,
    error: null,
    access_programs: null,
    background: false,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: 'default' as const,
    store: false,
    temperature: body.temperature ?? 1,
    text: { format: formatOf(body) },
    tool_choice: body.tool_choice ?? ('auto' as const),
    tools: (body.tools ?? []).map(toolOf),
    top_logprobs: 0,
    top_p: body.top_p ?? 1,
    truncation: 'disabled' as const,
    ...(body.user ? { user: body.user } : {}),
  };
}

function formatOf({ text }: ResponsesBody) {
  const format = text?.format ?? { type: 'text' as const };
  if (format.type !== 'json_schema') return format;
  const { description, strict, ...asked } = format;
  return { ...asked, strict: strict ?? null, ...(description ? { description } : {}) };
}

function toolOf({ name, description, parameters, strict }: NonNullable<ResponsesBody['tools']>[number]) {
  return {
    type: 'function' as const,
    name,
    description: description ?? null,
    parameters: parameters ?? null,
    strict: strict ?? null,
  };
}
