import type { AnswerPiece } from '../domain/answer-piece.ts';
import type { Completion } from '../domain/result.ts';

/** What a client has been told of an answer so far, and what is left of it when it is all there. */
export type Told = {
  add(piece: AnswerPiece): void;
  readonly isEmpty: boolean;
  /** The pieces that are left; undefined when the answer is another one than what was told. */
  restOf(completion: Completion): AnswerPiece[] | undefined;
};

export function createTold(): Told {
  const texts = { text: '', refusal: '' };
  /** The arguments of each tool call, by its index. */
  const calls = new Map<number, string>();

  return {
    add(piece) {
      if (piece.kind === 'tool') calls.set(piece.index, (calls.get(piece.index) ?? '') + piece.arguments);
      else texts[piece.kind] += piece.text;
    },
    get isEmpty() {
      return texts.text === '' && texts.refusal === '' && calls.size === 0;
    },
    restOf(completion) {
      const text = restOfText(completion.content ?? '', texts.text);
      const refusal = restOfText(completion.refusal ?? '', texts.refusal);
      if (text === undefined || refusal === undefined) return undefined;
      const rest: AnswerPiece[] = [];
      if (text !== '') rest.push({ kind: 'text', text });
      if (refusal !== '') rest.push({ kind: 'refusal', text: refusal });
      for (const [index, { id, function: called }] of (completion.tool_calls ?? []).entries()) {
        const told = calls.get(index);
        const left = restOfText(called.arguments, told ?? '');
        if (left === undefined) return undefined;
        if (told === undefined) rest.push({ kind: 'tool', index, id, name: called.name, arguments: left });
        else if (left !== '') rest.push({ kind: 'tool', index, arguments: left });
      }
      return rest;
    },
  };
}

function restOfText(whole: string, told: string): string | undefined {
  return whole.startsWith(told) ? whole.slice(told.length) : undefined;
}
