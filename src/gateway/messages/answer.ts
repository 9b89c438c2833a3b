import { nanosToUsd } from '../../domain/money.ts';
import { servedModelOf } from '../../domain/native/chat/answer.ts';
import type { ToolCall } from '../../domain/request.ts';
import type { Completion, CompletedResult } from '../../domain/result.ts';
import { toArgumentsObject } from '../../providers/tool-arguments.ts';

type StopReason = 'end_turn' | 'max_tokens' | 'tool_use' | 'refusal';

export type ToolUse = { type: 'tool_use'; id: string; name: string; input: object; caller: { type: 'direct' } };

/** An answer as a message (https://platform.claude.com/docs/en/api/messages). */
export function toMessage(result: CompletedResult, id: string) {
  const { content, tool_calls: calls = [] } = result.completion;
  return {
    ...messageBase(id, servedModelOf(result)),
    content: [...(content ? [textBlockOf(content)] : []), ...calls.map(toToolUse)],
    ...stopOf(result.completion),
    usage: usageOf(result),
  };
}

/** What is known of an answer before there is anything of it. */
export function messageBase(id: string, model: string) {
  return { id, type: 'message' as const, role: 'assistant' as const, model, container: null, diagnostics: null };
}

export function textBlockOf(text: string) {
  return { type: 'text' as const, text, citations: null };
}

/**
 * The API takes nothing but an object for the input of a tool. What a model wrote in place of one is told as the text that
 * it is, under `arguments`: the tool's own schema refuses it, and the model hears why.
 */
export function toToolUse({ id, function: { name, arguments: text } }: ToolCall): ToolUse {
  return { type: 'tool_use', id, name, input: toArgumentsObject(text), caller: { type: 'direct' } };
}

/** Which of the stop sequences it was is not known of all models, so that it is said of none. */
export function stopOf(completion: Completion) {
  const reason = stopReasonOf(completion);
  const details = { type: 'refusal' as const, category: null, explanation: completion.refusal ?? null };
  return { stop_reason: reason, stop_sequence: null, stop_details: reason === 'refusal' ? details : null };
}

function stopReasonOf({ finish_reason: reason, refusal, tool_calls: calls = [] }: Completion): StopReason {
  if (reason === 'length') return 'max_tokens';
  if (reason === 'content_filter' || refusal) return 'refusal';
  // Servers that had a tool forced on them say that they stopped; the client has to run it all the same.
  return calls.length > 0 ? 'tool_use' : 'end_turn';
}

/** The API counts what is in a cache apart from the other input. `cost`: what all attempts cost together, in USD. */
export function usageOf({ completion, cost_nanos }: CompletedResult) {
  const { usage } = completion;
  const {
    cached_input_tokens: read = 0,
    cache_write_tokens: forMinutes = 0,
    cache_write_1h_tokens: forAnHour = 0,
  } = usage;
  return {
    input_tokens: Math.max(0, usage.input_tokens - read - forMinutes - forAnHour),
    cache_read_input_tokens: read,
    cache_creation_input_tokens: forMinutes + forAnHour,
    cache_creation: { ephemeral_5m_input_tokens: forMinutes, ephemeral_1h_input_tokens: forAnHour },
    output_tokens: usage.output_tokens,
    output_tokens_details: { thinking_tokens: usage.reasoning_tokens ?? 0 },
    server_tool_use: null,
    service_tier: 'standard' as const,
    inference_geo: null,
    speed: null,
    cost: nanosToUsd(cost_nanos),
  };
}
