import { expect } from 'vitest';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import type { ToolCall } from '../../src/domain/request.ts';
import type { Completion } from '../../src/domain/result.ts';

type Said = Pick<Completion, 'content' | 'refusal' | 'tool_calls'>;

/** The answer that pieces make up, put together as a client does it. */
export function putTogether(pieces: readonly AnswerPiece[]): Said {
  const texts = { text: '', refusal: '' };
  const calls: ToolCall[] = [];
  for (const piece of pieces) {
    if (piece.kind !== 'tool') {
      expect(piece.text).not.toBe('');
      texts[piece.kind] += piece.text;
      continue;
    }
    const { index, id, name, arguments: spoken } = piece;
    const call = calls[index];
    if (call) {
      expect(piece).toEqual({ kind: 'tool', index, arguments: expect.stringMatching(/./) });
      call.function.arguments += spoken;
    } else {
      expect([typeof id, typeof name]).toEqual(['string', 'string']);
      calls[index] = { id: id ?? '', type: 'function', function: { name: name ?? '', arguments: spoken } };
    }
  }
  return saidIn({ content: texts.text, refusal: texts.refusal, tool_calls: calls });
}

/** What of an answer comes in pieces. */
export function saidIn({ content, refusal, tool_calls: calls }: Said): Said {
  return {
    content: content || null,
    ...(refusal ? { refusal } : {}),
    ...(calls?.length ? { tool_calls: calls } : {}),
  };
}
