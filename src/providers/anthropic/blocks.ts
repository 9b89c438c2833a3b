import type { AnswerPiece } from '../../domain/answer-piece.ts';
import { badResponse } from '../failures.ts';
import { JSON_ANSWER, mayBeWrapped } from './json.ts';

type Start = { type: string; [field: string]: unknown };

/** The blocks of a streamed message, as they grow. What brings nothing of the answer gives undefined. */
export type MessageBlocks = {
  begin(index: number, start: Start): AnswerPiece[] | undefined;
  goOn(index: number, text: string, json: string): AnswerPiece[] | undefined;
  /** As in a message that was not streamed, without what was thought. */
  content(): unknown[];
  /** All that was said so far; undefined when something was thought, too: it is shown in short and paid at length. */
  output(): string | undefined;
};

/** A block as it grows. Its text goes to that of the message; the JSON of a tool's input is kept as it comes. */
type GrowingBlock = {
  start: Start;
  json: string;
  /** What the input tells: a call, by its place among them, or the answer that was asked for as JSON. */
  tells?: number | 'answer';
};

/** `isJsonByTool`: the answer was asked for as the input of a tool, beside which no text counts. */
export function createMessageBlocks(provider: string, isJsonByTool: boolean): MessageBlocks {
  let said = '';
  let toldCharacters = 0;
  let callCount = 0;
  let isAnswerGiven = false;
  let hasThought = false;
  const tools: GrowingBlock[] = [];
  const blocks = new Map<number, GrowingBlock>();

  function beginTool(block: GrowingBlock): AnswerPiece[] {
    const { id, name } = block.start;
    tools.push(block);
    if (name === JSON_ANSWER) {
      // Of several answers the first one counts.
      if (!isAnswerGiven) block.tells = 'answer';
      isAnswerGiven = true;
      return [];
    }
    block.tells = callCount;
    callCount += 1;
    if (typeof id !== 'string' || typeof name !== 'string') return [];
    return [{ kind: 'tool', index: block.tells, id, name, arguments: '' }];
  }

  /** Text is held back while it may be JSON in its wrapping, or not count at all. */
  function say(text: string): AnswerPiece[] | undefined {
    said += text;
    if (text === '') return undefined;
    if (isJsonByTool || (toldCharacters === 0 && mayBeWrapped(said))) return [];
    const piece = said.slice(toldCharacters);
    toldCharacters = said.length;
    return [{ kind: 'text', text: piece }];
  }

  return {
    begin(index, start) {
      const block: GrowingBlock = { start, json: '' };
      blocks.set(index, block);
      hasThought ||= start.type.endsWith('thinking');
      if (start.type === 'tool_use') return beginTool(block);
      return start.type === 'text' && typeof start['text'] === 'string' ? say(start['text']) : undefined;
    },
    goOn(index, text, json) {
      const block = blocks.get(index);
      if (block === undefined) throw badResponse(provider, 'with a piece of a block that had not begun');
      if (block.start.type === 'text') return say(text);
      if (block.start.type !== 'tool_use') return undefined;
      block.json += json;
      if (json === '' || block.tells === undefined) return [];
      if (block.tells === 'answer') return [{ kind: 'text', text: json }];
      return [{ kind: 'tool', index: block.tells, arguments: json }];
    },
    content: () => [{ type: 'text', text: said }, ...tools.map(toBlock)],
    output() {
      if (hasThought) return undefined;
      return said + tools.map(({ start, json }) => String(start['name']) + json).join('');
    },
  };
}

/** The input stays the text as which it came, which may be cut off by the limit on tokens. */
function toBlock({ start, json }: GrowingBlock): unknown {
  return json === '' ? start : { ...start, input: json };
}
