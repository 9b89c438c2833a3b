import { z } from 'zod';
import type { AnswerPiece } from '../../domain/answer-piece.ts';
import { isError, Usage } from './answer.ts';
import { createMessageBlocks } from './blocks.ts';
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

/** `isJsonByTool`: see `createMessageBlocks`. */
export function createMessageAssembly(provider: string, isJsonByTool: boolean): Assembly {
  const blocks = createMessageBlocks(provider, isJsonByTool);
  let message: Record<string, unknown> = {};
  let usage: Usage | undefined;
  let isComplete = false;

  function take(event: Event): AnswerPiece[] | undefined {
    switch (event.type) {
      case 'message_start':
        message = { ...event.message };
        usage = event.message.usage ?? undefined;
        return allOf(event.message.content.map((start, index) => blocks.begin(index, start)));
      case 'content_block_start':
        return blocks.begin(event.index, event.content_block);
      case 'content_block_delta':
        return blocks.goOn(event.index, event.delta.text ?? '', event.delta.partial_json ?? '');
      case 'content_block_stop':
        return undefined;
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
    body: () => ({ ...message, content: blocks.content(), usage }),
    output: () => blocks.output(),
  };
}

function allOf(pieces: readonly (AnswerPiece[] | undefined)[]): AnswerPiece[] | undefined {
  const told = pieces.filter((each) => each !== undefined);
  return told.length === 0 ? undefined : told.flat();
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
