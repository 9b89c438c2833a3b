import type { AnswerPiece } from '../../domain/answer-piece.ts';
import type { Completion } from '../../domain/result.ts';

/** An answer that is told in pieces. */
export type ToldAnswer = {
  tell(piece: AnswerPiece): void;
  /** Once the whole answer is known: tells what is missing of it. */
  tellRest(completion: Completion): void;
};

export function createToldAnswer(onPiece: (piece: AnswerPiece) => void): ToldAnswer {
  const characters = { text: 0, refusal: 0 };
  /** Characters of the arguments, by index of the call. */
  const calls = new Map<number, number>();

  function tell(piece: AnswerPiece): void {
    if (piece.kind === 'tool') calls.set(piece.index, (calls.get(piece.index) ?? 0) + piece.arguments.length);
    else characters[piece.kind] += piece.text.length;
    onPiece(piece);
  }

  function tellRestOf(kind: 'text' | 'refusal', whole: string | null | undefined): void {
    const text = whole?.slice(characters[kind]);
    if (text) tell({ kind, text });
  }

  return {
    tell,
    tellRest({ content, refusal, tool_calls: toolCalls = [] }) {
      tellRestOf('text', content);
      tellRestOf('refusal', refusal);
      for (const [index, { id, function: called }] of toolCalls.entries()) {
        const { name, arguments: spoken } = called;
        const told = calls.get(index);
        if (told === undefined) tell({ kind: 'tool', index, id, name, arguments: spoken });
        else if (told < spoken.length) tell({ kind: 'tool', index, arguments: spoken.slice(told) });
      }
    },
  };
}
