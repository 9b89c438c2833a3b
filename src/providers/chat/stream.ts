import { z } from 'zod';
import { AnswerContent, errorIn, textOf } from './answer.ts';
import { badResponse, failureInBody } from '../failures.ts';
import type { Assembly } from '../provider.ts';

const Text = z.string().nullish();

const FunctionPiece = z.object({
  name: Text,
  arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
});
type FunctionPiece = z.infer<typeof FunctionPiece>;

const ToolCallPiece = z.object({ index: z.int().min(0).nullish(), id: Text, function: FunctionPiece.nullish() });
type ToolCallPiece = z.infer<typeof ToolCallPiece>;

const ChatChunk = z.object({
  id: Text,
  model: Text,
  service_tier: Text.catch(null),
  choices: z
    .array(
      z.object({
        index: z.int().nullish(),
        delta: z
          .object({
            content: AnswerContent,
            refusal: Text,
            tool_calls: z.array(ToolCallPiece).nullish(),
            function_call: FunctionPiece.nullish(),
          })
          .nullish(),
        finish_reason: Text,
        error: z.unknown().optional(),
      }),
    )
    .nullish(),
  usage: z.unknown().optional(),
});
type Choice = NonNullable<z.infer<typeof ChatChunk>['choices']>[number];

type ToolCallSoFar = { index: number | undefined; id: string; name: string; arguments: string };

/**
 * A streamed chat completion. It is whole when `[DONE]` has come, or, from servers that do not say it, the finish reason
 * and the usage, which we ask for and which comes last.
 */
export function createChatAssembly(provider: string): Assembly {
  const head: { id?: string; model?: string; service_tier?: string } = {};
  const message = { content: '', refusal: '' };
  const toolCalls: ToolCallSoFar[] = [];
  let finishReason: string | undefined;
  let choiceError: unknown;
  let usage: unknown;
  let hasChoice = false;
  let isDone = false;

  function addChoice({ delta, finish_reason: reason, error }: Choice): string | undefined {
    hasChoice = true;
    if (reason) finishReason = reason;
    if (error) choiceError = error;
    const text = textOf(delta?.content) ?? '';
    message.content += text;
    message.refusal += delta?.refusal ?? '';
    const calls = delta?.tool_calls ?? [];
    for (const piece of calls) addToolCall(toolCalls, piece);
    if (delta?.function_call) addToolCall(toolCalls, { index: 0, id: null, function: delta.function_call });
    return text || calls.length > 0 || delta?.function_call || delta?.refusal ? text : undefined;
  }

  return {
    add({ data }) {
      if (data === '[DONE]') {
        isDone = true;
        return undefined;
      }
      const body = parse(provider, data);
      const error = errorIn(body);
      if (error !== undefined) throw failureInBody(provider, error);
      const chunk = ChatChunk.safeParse(body);
      if (!chunk.success) throw badResponse(provider, 'with an event that is no part of a chat completion');
      const { id, model, service_tier: tier, choices, usage: told } = chunk.data;
      if (id) head.id = id;
      if (model) head.model = model;
      if (tier) head.service_tier = tier;
      if (told) usage = told;
      const choice = choices?.find(({ index }) => !index);
      return choice && addChoice(choice);
    },
    get isComplete() {
      return isDone || (finishReason !== undefined && usage !== undefined);
    },
    body() {
      const choice = { message: { ...message, tool_calls: toolCalls.map(toToolCall) }, finish_reason: finishReason };
      return { ...head, choices: hasChoice ? [{ ...choice, error: choiceError }] : [], usage };
    },
  };
}

/** Pieces belong together by their index; from servers that give none, or always 0, a new id or name begins a new call. */
function addToolCall(calls: ToolCallSoFar[], piece: ToolCallPiece): void {
  const index = piece.index ?? undefined;
  const last = index === undefined ? calls.at(-1) : calls.findLast((call) => call.index === index);
  const isOther = piece.id ? last?.id !== '' && last?.id !== piece.id : index === undefined && piece.function?.name;
  const call = last === undefined || isOther ? { index, id: '', name: '', arguments: '' } : last;
  if (call !== last) calls.push(call);
  call.id ||= piece.id ?? '';
  call.name ||= piece.function?.name ?? '';
  call.arguments += textOfArguments(piece.function);
}

function textOfArguments(piece: FunctionPiece | null | undefined): string {
  const { arguments: given = '' } = piece ?? {};
  return typeof given === 'string' ? given : given === null ? '' : JSON.stringify(given);
}

function toToolCall({ id, name, arguments: spoken }: ToolCallSoFar): object {
  return { id, function: { name, arguments: spoken } };
}

function parse(provider: string, data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw badResponse(provider, 'with an event that is not JSON');
  }
}
