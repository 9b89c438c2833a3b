import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ToolCall } from '../../domain/request.ts';
import type { Completion, FinishReason } from '../../domain/result.ts';
import { chargeOf, ChatUsage, toUsage } from './usage.ts';
import type { Bill } from '../failures/useless.ts';
import { badResponse, contentFiltered, failureInBody } from '../failures.ts';

const Text = z.string().nullish();

/** Mistral and others answer in parts; of these only the text was said, the rest was thought. */
export const AnswerContent = z
  .union([z.string(), z.array(z.object({ type: Text, text: Text, refusal: Text }))])
  .nullish();
type AnswerContent = z.infer<typeof AnswerContent>;

/** The arguments are a text with JSON in it; some servers send the JSON itself. */
const AnsweredFunction = z.object({
  name: z.string(),
  arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
});
type AnsweredFunction = z.infer<typeof AnsweredFunction>;

/** Only what is read of an answer, and leniently: servers differ in everything else. What was thought is not read. */
const ChatAnswer = z.object({
  id: Text,
  model: Text,
  service_tier: Text.catch(null),
  choices: z
    .array(
      z.object({
        message: z.object({
          content: AnswerContent,
          refusal: Text,
          tool_calls: z.array(z.object({ id: Text, function: AnsweredFunction })).nullish(),
          function_call: AnsweredFunction.nullish(),
        }),
        finish_reason: Text,
        error: z.unknown().optional(),
      }),
    )
    .nullish(),
  usage: ChatUsage,
});
type ChatAnswer = z.infer<typeof ChatAnswer>;

/** An answer's body as a completion. `chargedNanos` is what its headers say that it cost. */
export function toChatCompletion(provider: string, body: unknown, chargedNanos: number | undefined): Completion {
  const error = errorIn(body);
  if (error !== undefined) throw failureInBody(provider, error);
  const parsed = ChatAnswer.safeParse(body);
  if (!parsed.success) throw badResponse(provider, 'with a body that is no chat completion');
  const answer = parsed.data;
  const billed = billOf(answer, chargedNanos);
  const choice = answer.choices?.[0];
  if (!choice) throw badResponse(provider, 'without choices', billed);
  if (choice.error) throw failureInBody(provider, choice.error, billed);

  const content = textOf(choice.message.content);
  const refusal = choice.message.refusal || refusalIn(choice.message.content);
  const toolCalls = toolCallsOf(answer);
  if (!content && !refusal && toolCalls.length === 0) {
    throw choice.finish_reason === 'content_filter'
      ? contentFiltered(provider, billed)
      : badResponse(provider, 'with an empty answer', billed);
  }
  const finishReason = FINISH_REASONS.get(choice.finish_reason?.toLowerCase() ?? '');
  if (!finishReason) throw badResponse(provider, 'with an answer that has no known finish_reason', billed);
  const completion: Completion = {
    content: content || null,
    finish_reason: finishReason,
    usage: toUsage(answer.usage, answer.service_tier),
  };
  if (toolCalls.length > 0) completion.tool_calls = toolCalls;
  if (refusal) completion.refusal = refusal;
  if (answer.id) completion.response_id = answer.id;
  if (answer.model) completion.served_model = answer.model;
  if (billed?.nanos !== undefined) completion.billed_nanos = billed.nanos;
  return completion;
}

/** The error that a body has in it, though its status was 200; vLLM has the error's fields at the top. */
export function errorIn(body: unknown): unknown {
  if (body === null || typeof body !== 'object') return undefined;
  if ('error' in body && body.error) return body.error;
  return 'object' in body && body.object === 'error' ? body : undefined;
}

/** The texts that were said; parts of other types are thoughts. */
export function textOf(content: AnswerContent): string | null | undefined {
  if (!Array.isArray(content)) return content;
  return content.map(({ type, text }) => (!type || type === 'text' || type === 'output_text' ? text : '')).join('');
}

function refusalIn(content: AnswerContent): string | undefined {
  return Array.isArray(content) ? content.map(({ refusal }) => refusal ?? '').join('') : undefined;
}

/**
 * What is none of these is no finish: a stream that was cut off upstream arrives without a reason, and must not pass for
 * a whole answer. Beside OpenAI's words those of Together and Mistral, and of the APIs that Portkey translates.
 */
const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
  ['eos', 'stop'],
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['tool_use', 'tool_calls'],
  ['function_call', 'tool_calls'],
  ['content_filter', 'content_filter'],
]);

function toolCallsOf({ id: answerId, choices }: ChatAnswer): ToolCall[] {
  const { tool_calls: calls, function_call: single } = choices?.[0]?.message ?? {};
  const told = calls?.length ? calls : single ? [{ id: null, function: single }] : [];
  return told.map(({ id, function: called }, index) => {
    const spoken = { name: called.name, arguments: argumentsOf(called) };
    return { id: id || createCallId(answerId, index, spoken), type: 'function', function: spoken };
  });
}

function argumentsOf({ arguments: given }: AnsweredFunction): string {
  return typeof given === 'string' ? given : JSON.stringify(given ?? {});
}

/** For servers that give their calls no id, by which results are matched to them; the same for the same answer. */
function createCallId(answerId: string | null | undefined, index: number, called: ToolCall['function']): string {
  const text = JSON.stringify([answerId, index, called]);
  return `call_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
}

/** What the provider says of its work, whatever became of it; undefined when it does not count. */
function billOf(answer: ChatAnswer, chargedNanos: number | undefined): Bill | undefined {
  const usage = toUsage(answer.usage, answer.service_tier);
  const nanos = chargedNanos ?? chargeOf(answer.usage);
  if (nanos !== undefined) return { usage, nanos };
  return usage.estimated ? undefined : { usage };
}
