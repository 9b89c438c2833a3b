import { z } from 'zod';
import { AnswerContent, errorIn, textOf } from './answer.ts';
import type { AnswerPiece } from '../../domain/answer-piece.ts';
import { badResponse, failureInBody } from '../failures.ts';
import type { Assembly, Question } from '../provider.ts';
import { mayThinkUnseen } from '../unseen-thoughts.ts';

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
            /** Thoughts, by the names that servers have for them. */
            reasoning: z.unknown().optional(),
            reasoning_content: z.unknown().optional(),
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
type Delta = NonNullable<Choice['delta']>;

/** `index` is the server's word, `place` where it will stand in the completion. */
type ToolCallSoFar = {
  index: number | undefined;
  place: number;
  id: string;
  name: string;
  arguments: string;
  /** Characters of the arguments; undefined before its first piece. */
  told: number | undefined;
};

/**
 * A streamed chat completion. It is whole when `[DONE]` has come, or, from servers that do not say it, the finish reason
 * and the usage, which we ask for and which comes last.
 */
export function createChatAssembly(provider: string, question: Question): Assembly {
  const head: { id?: string; model?: string; service_tier?: string } = {};
  const message = { content: '', refusal: '' };
  const toolCalls: ToolCallSoFar[] = [];
  let finishReason: string | undefined;
  let choiceError: unknown;
  let usage: unknown;
  let hasChoice = false;
  let hasThought = mayThinkUnseen(question);
  let isDone = false;

  function addChoice({ delta, finish_reason: reason, error }: Choice): AnswerPiece[] | undefined {
    hasChoice = true;
    if (reason) finishReason = reason;
    if (error) choiceError = error;
    return delta ? addDelta(delta) : undefined;
  }

  function addDelta(delta: Delta): AnswerPiece[] | undefined {
    const { content, refusal, tool_calls: calls, function_call: single } = delta;
    const pieces: AnswerPiece[] = [];
    const text = textOf(content);
    if (text) pieces.push({ kind: 'text', text });
    if (refusal) pieces.push({ kind: 'refusal', text: refusal });
    message.content += text ?? '';
    message.refusal += refusal ?? '';
    hasThought ||= Boolean(delta.reasoning || delta.reasoning_content) || isThoughtIn(content);
    const callPieces = [...(calls ?? []), ...(single ? [{ index: 0, id: null, function: single }] : [])];
    for (const piece of callPieces) pieces.push(...newPiecesOf(addToolCall(toolCalls, piece)));
    return pieces.length > 0 || callPieces.length > 0 ? pieces : undefined;
  }

  return {
    add({ data }) {
      if (data === '[DONE]') {
        isDone = true;
        return undefined;
      }
      const { id, model, service_tier: tier, choices, usage: told } = readChunk(provider, data);
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
    output() {
      if (hasThought) return undefined;
      const spoken = toolCalls.map((call) => call.name + call.arguments).join('');
      return message.content + message.refusal + spoken;
    },
  };
}

/** Pieces belong together by their index; from servers that give none, or always 0, a new id or name begins a new call. */
function addToolCall(calls: ToolCallSoFar[], piece: ToolCallPiece): ToolCallSoFar {
  const index = piece.index ?? undefined;
  const last = index === undefined ? calls.at(-1) : calls.findLast((call) => call.index === index);
  const isOther = piece.id ? last?.id !== '' && last?.id !== piece.id : index === undefined && piece.function?.name;
  const fresh = { index, place: calls.length, id: '', name: '', arguments: '', told: undefined };
  const call = last === undefined || isOther ? fresh : last;
  if (call !== last) calls.push(call);
  call.id ||= piece.id ?? '';
  call.name ||= piece.function?.name ?? '';
  call.arguments += textOfArguments(piece.function);
  return call;
}

/** A call without an id waits for the end: it gets one that is made of the whole call. */
function newPiecesOf(call: ToolCallSoFar): AnswerPiece[] {
  const { place: index, id, name, told } = call;
  if (id === '' || name === '' || told === call.arguments.length) return [];
  call.told = call.arguments.length;
  if (told === undefined) return [{ kind: 'tool', index, id, name, arguments: call.arguments }];
  return [{ kind: 'tool', index, arguments: call.arguments.slice(told) }];
}

/** Mistral's, as a part of the content. */
function isThoughtIn(content: Delta['content']): boolean {
  return Array.isArray(content) && content.some(({ type }) => type === 'thinking');
}

function textOfArguments(piece: FunctionPiece | null | undefined): string {
  const { arguments: given = '' } = piece ?? {};
  return typeof given === 'string' ? given : given === null ? '' : JSON.stringify(given);
}

function toToolCall({ id, name, arguments: spoken }: ToolCallSoFar): object {
  return { id, function: { name, arguments: spoken } };
}

function readChunk(provider: string, data: string): z.infer<typeof ChatChunk> {
  const body = parse(provider, data);
  const error = errorIn(body);
  if (error !== undefined) throw failureInBody(provider, error);
  const chunk = ChatChunk.safeParse(body);
  if (!chunk.success) throw badResponse(provider, 'with an event that is no part of a chat completion');
  return chunk.data;
}

function parse(provider: string, data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw badResponse(provider, 'with an event that is not JSON');
  }
}
