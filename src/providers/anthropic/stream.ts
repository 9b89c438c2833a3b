import { z } from 'zod';
import { isError, Usage } from './answer.ts';
import { JSON_ANSWER, mayBeWrapped, unwrapJson } from './json.ts';
import { badResponse, failureInBody } from '../failures.ts';
import type { Assembly } from '../provider.ts';

/** The events of an answer (https://platform.claude.com/docs/en/build-with-claude/streaming). */
const Event = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message_start'),
    message: z.looseObject({
      content: z.array(z.looseObject({ type: z.string() })).catch([]),
      usage: Usage.nullish().catch(null),
    }),
  }),
  z.object({
    type: z.literal('content_block_start'),
    index: z.int(),
    content_block: z.looseObject({ type: z.string() }),
  }),
  z.object({
    type: z.literal('content_block_delta'),
    index: z.int(),
    delta: z.object({ text: z.string().optional(), partial_json: z.string().optional() }),
  }),
  z.object({ type: z.literal('content_block_stop'), index: z.int() }),
  z.object({
    type: z.literal('message_delta'),
    delta: z.looseObject({ stop_reason: z.string().nullish() }),
    usage: Usage.nullish().catch(null),
  }),
  z.object({ type: z.literal('message_stop') }),
]);
type Event = z.infer<typeof Event>;

/** `ping`, and whatever may yet be thought of. */
const OtherEvent = z.object({ type: z.string().refine((type) => !/^(message|content_block)_/.test(type)) });

/** A block as it grows: the text that has come, or the JSON of a tool's input. */
type GrowingBlock = {
  start: { type: string; [field: string]: unknown };
  text: string;
  json: string;
  toldCharacters: number;
};

export function createMessageAssembly(provider: string): Assembly {
  let message: Record<string, unknown> = {};
  let usage: Usage | undefined;
  let isComplete = false;
  const blocks = new Map<number, GrowingBlock>();

  function take(event: Event): string | undefined {
    switch (event.type) {
      case 'message_start':
        message = { ...event.message };
        usage = event.message.usage ?? undefined;
        for (const [index, start] of event.message.content.entries()) blocks.set(index, growing(start));
        return undefined;
      case 'content_block_start': {
        const block = growing(event.content_block);
        blocks.set(event.index, block);
        return newTextOf(block);
      }
      case 'content_block_delta': {
        const block = blocks.get(event.index);
        if (block === undefined) throw badResponse(provider, 'with a piece of a block that had not begun');
        const { text = '', partial_json: json = '' } = event.delta;
        block.text += text;
        block.json += json;
        if (block.start.type === 'tool_use') return block.start['name'] === JSON_ANSWER ? json : '';
        return newTextOf(block);
      }
      case 'content_block_stop':
        return restOf(blocks.get(event.index));
      case 'message_delta':
        message = { ...message, ...event.delta };
        usage = merged(usage, event.usage);
        return undefined;
      case 'message_stop':
        isComplete = true;
        return undefined;
    }
  }

  return {
    add({ data }) {
      const value = parse(data);
      if (value === undefined) throw badResponse(provider, 'with an event that is not JSON');
      if (isError(value)) throw failureInBody(provider, value.error);
      const event = Event.safeParse(value);
      if (event.success) return take(event.data);
      if (OtherEvent.safeParse(value).success) return undefined;
      throw badResponse(provider, 'with an event that is no piece of a message');
    },
    get isComplete() {
      return isComplete;
    },
    body: () => ({ ...message, content: [...blocks.values()].map(toBlock), usage }),
  };
}

function growing(start: GrowingBlock['start']): GrowingBlock {
  return { start, text: typeof start['text'] === 'string' ? start['text'] : '', json: '', toldCharacters: 0 };
}

/** Thoughts are no part of the answer. Text is held back while it may be JSON in its wrapping; that is told when it is whole. */
function newTextOf(block: GrowingBlock): string | undefined {
  if (block.start.type !== 'text' || block.text === '') return undefined;
  if (mayBeWrapped(block.text)) return '';
  const piece = block.text.slice(block.toldCharacters);
  block.toldCharacters = block.text.length;
  return piece;
}

function restOf(block: GrowingBlock | undefined): string | undefined {
  if (block?.start.type !== 'text' || block.text.length === block.toldCharacters) return undefined;
  return unwrapJson(block.text) ?? block.text;
}

function toBlock({ start, text, json }: GrowingBlock): unknown {
  if (start.type === 'text') return { ...start, text };
  if (json === '') return start;
  // Broken JSON stays as it came: the limit on tokens cut it off.
  return { ...start, input: parse(json) ?? json };
}

/** Counts only grow; what an event does not tell stays as it was told before. */
function merged(before: Usage | undefined, after: Usage | null | undefined): Usage | undefined {
  if (before === undefined) return after ?? undefined;
  const told = Object.entries(after ?? {}).flatMap(([name, value]) => {
    if (value === null || value === undefined) return [];
    const earlier = before[name as keyof Usage];
    return [[name, typeof value === 'number' && typeof earlier === 'number' ? Math.max(earlier, value) : value]];
  });
  return { ...before, ...Object.fromEntries(told) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
