import type { AnswerPiece } from '../../domain/answer-piece.ts';
import { chatUsageOf } from '../../domain/native/chat/answer.ts';
import { openAiErrorBody } from '../error-reply.ts';
import type { AnswerContext, AnswerStream } from '../face.ts';

type Delta = Record<string, unknown>;

/**
 * A streamed chat completion (https://platform.openai.com/docs/api-reference/chat-streaming): the role, the pieces, the
 * reason of the end, the usage where it was asked for, `[DONE]`.
 */
export function createChatStream(
  { id, created }: AnswerContext,
  { includeUsage }: { includeUsage: boolean },
): AnswerStream {
  let head = { id, object: 'chat.completion.chunk', created, model: '' };
  // Where usage is asked for, it stands in every chunk, and is null in all but the last.
  const beside = includeUsage ? { usage: null } : {};

  function chunk(delta: Delta, finishReason: string | null = null, told: object = {}): string {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
    return event({ ...head, ...told, choices, ...beside });
  }

  return {
    start(model) {
      head = { ...head, model };
      return chunk({ role: 'assistant', content: '', refusal: null });
    },
    piece: (piece) => chunk(deltaOf(piece)),
    end(result) {
      const last = chunk({}, result.completion.finish_reason, { provider: result.provider });
      const usage = includeUsage ? event({ ...head, choices: [], usage: chatUsageOf(result) }) : '';
      return `${last}${usage}data: [DONE]\n\n`;
    },
    fail: (error) => event(openAiErrorBody(error)),
  };
}

function deltaOf(piece: AnswerPiece): Delta {
  if (piece.kind === 'text') return { content: piece.text };
  if (piece.kind === 'refusal') return { refusal: piece.text };
  const { index, id, name, arguments: text } = piece;
  const call = { index, ...(id !== undefined && { id, type: 'function' }) };
  return { tool_calls: [{ ...call, function: { ...(name !== undefined && { name }), arguments: text } }] };
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
