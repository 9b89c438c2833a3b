/**
 * A piece of an answer that is streamed, in the order in which it arrives. Put together, the pieces are the answer:
 * the texts its `content`, those of a tool call with the same `index` that call.
 */
export type AnswerPiece =
  | { kind: 'text'; text: string }
  | { kind: 'refusal'; text: string }
  /** `id` and `name` come with the first piece of a call, and only there. */
  | { kind: 'tool'; index: number; id?: string; name?: string; arguments: string };
