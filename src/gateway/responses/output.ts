import type { AnswerPiece } from '../../domain/answer-piece.ts';
import type { FinishReason } from '../../domain/result.ts';
import {
  callItemOf,
  endedItems,
  type ItemIds,
  type OutputItem,
  type Part,
  refusalPartOf,
  textPartOf,
} from './answer.ts';

type MessageItem = Extract<OutputItem, { type: 'message' }>;
type CallItem = Extract<OutputItem, { type: 'function_call' }>;
type ToolPiece = Extract<AnswerPiece, { kind: 'tool' }>;
type TextPiece = Exclude<AnswerPiece, ToolPiece>;

/** An event without its number: what it is called, and what is in it. */
export type OutputEvent = [type: string, fields: object];

/**
 * The output of a response while it grows. All items stay open to the end, since pieces of several may come by turns;
 * whoever reads along has every piece of them at once all the same.
 */
export type GrowingOutput = {
  /** As they were opened: an item's place is its `output_index`. */
  items: readonly OutputItem[];
  add(piece: AnswerPiece): OutputEvent[];
  close(reason: FinishReason): { events: OutputEvent[]; items: OutputItem[] };
};

export function createOutput(ids: ItemIds): GrowingOutput {
  const items: OutputItem[] = [];

  function open(item: OutputItem): OutputEvent {
    items.push(item);
    // Told as it is now, and not as it will be.
    return ['response.output_item.added', { output_index: items.length - 1, item: structuredClone(item) }];
  }

  return {
    items,
    add(piece) {
      if (piece.kind === 'tool') return addToCall(piece, items, ids, open);
      return piece.text === '' ? [] : addToMessage(piece, items, ids, open);
    },
    close(reason) {
      // An answer in which nothing is said is an empty text.
      const events = items.length > 0 ? [] : addToMessage({ kind: 'text', text: '' }, items, ids, open);
      const ended = endedItems(items, reason);
      return { events: [...events, ...ended.flatMap(eventsOfEnd)], items: ended };
    },
  };
}

type Open = (item: OutputItem) => OutputEvent;

function addToMessage(piece: TextPiece, items: OutputItem[], ids: ItemIds, open: Open): OutputEvent[] {
  const events: OutputEvent[] = [];
  let message = items.find((item): item is MessageItem => item.type === 'message');
  if (!message) {
    message = { id: ids.message, type: 'message', status: 'in_progress', role: 'assistant', content: [] };
    events.push(open(message));
  }
  const place = { item_id: message.id, output_index: items.indexOf(message) };
  const type = piece.kind === 'text' ? 'output_text' : 'refusal';
  let part = message.content.find((known) => known.type === type);
  if (!part) {
    part = piece.kind === 'text' ? textPartOf('') : refusalPartOf('');
    message.content.push(part);
    const content_index = message.content.length - 1;
    events.push(['response.content_part.added', { ...place, content_index, part: { ...part } }]);
  }
  const delta = { ...place, content_index: message.content.indexOf(part), delta: piece.text };
  if (part.type === 'output_text') {
    part.text += piece.text;
    events.push(['response.output_text.delta', { ...delta, logprobs: [] }]);
  } else {
    part.refusal += piece.text;
    events.push(['response.refusal.delta', delta]);
  }
  return events;
}

function addToCall(piece: ToolPiece, items: OutputItem[], ids: ItemIds, open: Open): OutputEvent[] {
  const events: OutputEvent[] = [];
  const id = ids.call(piece.index);
  let call = items.find((item): item is CallItem => item.id === id && item.type === 'function_call');
  if (!call) {
    const told = { name: piece.name ?? '', arguments: '' };
    call = callItemOf(id, 'in_progress', { id: piece.id ?? id, type: 'function', function: told });
    events.push(open(call));
  }
  if (piece.arguments === '') return events;
  call.arguments += piece.arguments;
  const place = { item_id: id, output_index: items.indexOf(call) };
  return [...events, ['response.function_call_arguments.delta', { ...place, delta: piece.arguments }]];
}

function eventsOfEnd(item: OutputItem, output_index: number): OutputEvent[] {
  const place = { item_id: item.id, output_index };
  const inside: OutputEvent[] =
    item.type === 'message'
      ? item.content.flatMap((part, content_index) => eventsOfPart(part, { ...place, content_index }))
      : [['response.function_call_arguments.done', { ...place, name: item.name, arguments: item.arguments }]];
  return [...inside, ['response.output_item.done', { output_index, item }]];
}

function eventsOfPart(part: Part, place: object): OutputEvent[] {
  const done: OutputEvent =
    part.type === 'output_text'
      ? ['response.output_text.done', { ...place, text: part.text, logprobs: [] }]
      : ['response.refusal.done', { ...place, refusal: part.refusal }];
  return [done, ['response.content_part.done', { ...place, part }]];
}
