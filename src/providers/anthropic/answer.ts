import { z } from 'zod';
import type { ToolCall } from '../../domain/request.ts';
import type { Completion, FinishReason } from '../../domain/result.ts';
import type { TokenUsage } from '../../domain/usage.ts';
import { JSON_ANSWER, isJsonObject, unwrapJson } from './json.ts';
import { badResponse, failureInBody } from '../failures.ts';
import { TokenCount } from '../token-count.ts';

/** In a message, and cumulatively in the last event of a stream. */
export const Usage = z.object({
  input_tokens: TokenCount,
  output_tokens: TokenCount,
  cache_creation_input_tokens: TokenCount,
  cache_read_input_tokens: TokenCount,
  cache_creation: z
    .object({ ephemeral_5m_input_tokens: TokenCount, ephemeral_1h_input_tokens: TokenCount })
    .nullish()
    .catch(null),
  output_tokens_details: z.object({ thinking_tokens: TokenCount }).nullish().catch(null),
  service_tier: z.string().max(32).nullish().catch(null),
});
export type Usage = z.infer<typeof Usage>;

/** Only what is read of an answer; thoughts and whatever else a block may be are passed over. */
const Answer = z.object({
  id: z.string().nullish(),
  model: z.string().nullish(),
  content: z.array(
    z.union([
      z.object({ type: z.literal('text'), text: z.string() }),
      z.object({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.unknown() }),
      z.object({ type: z.string().refine((type) => type !== 'text' && type !== 'tool_use') }).transform(() => null),
    ]),
  ),
  stop_reason: z.string().nullish(),
  stop_details: z.object({ explanation: z.string().nullish() }).nullish().catch(null),
  usage: Usage.nullish().catch(null),
});
type Answer = z.infer<typeof Answer>;

export function readCompletion(provider: string, body: unknown): Completion {
  if (isError(body)) throw failureInBody(provider, body.error);
  const answer = Answer.safeParse(body);
  if (!answer.success) throw badResponse(provider, 'with a body that is no message');
  return toCompletion(provider, answer.data);
}

/** Sent in place of a message, and as an event in the middle of a stream. */
export function isError(body: unknown): body is { error?: unknown } {
  return typeof body === 'object' && body !== null && 'type' in body && body.type === 'error';
}

function toCompletion(provider: string, answer: Answer): Completion {
  const usage = toUsage(answer.usage);
  const billed = usage.estimated ? undefined : { usage };
  const calls = answer.content.flatMap((block) => (block?.type === 'tool_use' ? [block] : []));
  const toolCalls = calls.filter(({ name }) => name !== JSON_ANSWER).map(toToolCall);
  const said = answer.content.map((block) => (block?.type === 'text' ? block.text : '')).join('');
  const given = calls.find(({ name }) => name === JSON_ANSWER);
  const wrapped = unwrapJson(said);
  const content = given ? textOfInput(given.input) : (wrapped ?? said);
  const isRefusal = answer.stop_reason === 'refusal';
  if (content === '' && toolCalls.length === 0 && !isRefusal) {
    throw badResponse(provider, 'with an empty answer', billed);
  }
  const finishReason = toFinishReason(answer.stop_reason, toolCalls.length > 0);
  if (!finishReason) throw badResponse(provider, 'with an answer that has no known stop_reason', billed);
  if (wrapped !== undefined && finishReason === 'stop' && !isJsonObject(wrapped)) {
    throw badResponse(provider, 'with an answer that is no JSON object', billed);
  }
  const completion: Completion = { content: content === '' ? null : content, finish_reason: finishReason, usage };
  if (toolCalls.length > 0) completion.tool_calls = toolCalls;
  if (isRefusal) completion.refusal = answer.stop_details?.explanation ?? 'The model declined to answer.';
  if (answer.id) completion.response_id = answer.id;
  if (answer.model) completion.served_model = answer.model;
  return completion;
}

function toToolCall({ id, name, input }: { id: string; name: string; input: unknown }): ToolCall {
  return { id, type: 'function', function: { name, arguments: textOfInput(input) } };
}

/** A text, as it came, where it was streamed. */
function textOfInput(input: unknown): string {
  return typeof input === 'string' ? input : JSON.stringify(input ?? {});
}

/** Undefined for what is none: an answer that was cut off upstream must not pass for a whole one. */
function toFinishReason(reason: string | null | undefined, hasToolCalls: boolean): FinishReason | undefined {
  switch (reason) {
    case 'end_turn':
    case 'stop_sequence':
      return 'stop';
    case 'tool_use':
      return hasToolCalls ? 'tool_calls' : 'stop';
    // A turn that pauses is to be gone on with; what has come of it is not the whole answer.
    case 'max_tokens':
    case 'model_context_window_exceeded':
    case 'pause_turn':
      return 'length';
    case 'refusal':
      return 'content_filter';
    default:
      return undefined;
  }
}

/** The API counts what is in its cache apart from the other input, in either direction. */
function toUsage(usage: Usage | null | undefined): TokenUsage {
  const fresh = usage?.input_tokens ?? 0;
  const read = usage?.cache_read_input_tokens ?? 0;
  const { ephemeral_5m_input_tokens: forMinutes, ephemeral_1h_input_tokens: forAnHour } = usage?.cache_creation ?? {};
  const written = usage?.cache_creation_input_tokens ?? (forMinutes ?? 0) + (forAnHour ?? 0);
  const input = fresh + read + written;
  // No request has no tokens: servers that do not count say 0.
  if (!usage || input === 0 || typeof usage.output_tokens !== 'number') {
    return { input_tokens: 0, output_tokens: 0, estimated: true };
  }
  const tokens: TokenUsage = { input_tokens: input, output_tokens: usage.output_tokens };
  const written1h = Math.min(forAnHour ?? 0, written);
  if (read > 0) tokens.cached_input_tokens = read;
  if (written > written1h) tokens.cache_write_tokens = written - written1h;
  if (written1h > 0) tokens.cache_write_1h_tokens = written1h;
  if (usage.output_tokens_details?.thinking_tokens)
    tokens.reasoning_tokens = usage.output_tokens_details.thinking_tokens;
  if (usage.service_tier && usage.service_tier !== 'standard') tokens.service_tier = usage.service_tier;
  return tokens;
}
