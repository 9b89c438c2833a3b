import { z } from 'zod';
import type { AnswerPiece } from '../../domain/answer-piece.ts';
import { FunctionCall, toArgumentsText } from './answer.ts';
import { badResponse, failureInBody } from '../failures.ts';
import type { Assembly, Question } from '../provider.ts';
import { TokenCount } from '../token-count.ts';
import { mayThinkUnseen } from '../unseen-thoughts.ts';

const StreamedPart = z.looseObject({ text: z.string().nullish(), thought: z.boolean().nullish() });
type StreamedPart = z.infer<typeof StreamedPart>;

/** An event is an answer like any other, with the piece that is new. */
const Event = z.looseObject({
  candidates: z
    .array(
      z.looseObject({
        content: z.looseObject({ parts: z.array(StreamedPart).nullish() }).nullish(),
        finishReason: z.string().nullish(),
      }),
    )
    .nullish(),
  promptFeedback: z.looseObject({ blockReason: z.string().nullish() }).nullish(),
  usageMetadata: z.looseObject({ thoughtsTokenCount: TokenCount }).nullish().catch(null),
});

/** Puts a streamed answer together: parts in a row, of everything else what was said last. */
export function createGoogleAssembly(provider: string, question: Question): Assembly {
  const parts: StreamedPart[] = [];
  let callCount = 0;
  let hasThought = mayThinkUnseen(question);
  let areThoughtsCounted = false;
  let finishReason: string | undefined;
  let isBlocked = false;
  let answer: Record<string, unknown> = {};

  /** A call without an id waits for the end: it gets one that is made of the answer's. */
  function piecesOf({ text, thought, functionCall }: StreamedPart): AnswerPiece[] {
    const pieces: AnswerPiece[] = text && !thought ? [{ kind: 'text', text }] : [];
    if (!functionCall) return pieces;
    const index = callCount;
    callCount += 1;
    const { data: call } = FunctionCall.safeParse(functionCall);
    if (!call?.id) return pieces;
    return [...pieces, { kind: 'tool', index, id: call.id, name: call.name, arguments: toArgumentsText(call) }];
  }

  return {
    add({ data }) {
      const event = readEvent(provider, data);
      const { candidates, ...rest } = event;
      // The counts in the last event are those of the whole answer.
      answer = { ...answer, ...rest };
      const candidate = candidates?.[0];
      const added = candidate?.content?.parts ?? [];
      for (const part of added) addPart(parts, part);
      hasThought ||= added.some(({ thought }) => thought);
      areThoughtsCounted ||= typeof event.usageMetadata?.thoughtsTokenCount === 'number';
      finishReason = candidate?.finishReason ?? finishReason;
      // A prompt that is held back has no candidates, and nothing more comes.
      isBlocked ||= Boolean(event.promptFeedback?.blockReason);
      return added.length === 0 ? undefined : added.flatMap(piecesOf);
    },
    get isComplete() {
      return finishReason !== undefined || (isBlocked && parts.length === 0);
    },
    body() {
      const isAnswered = parts.length > 0 || finishReason !== undefined;
      const candidate = { content: { role: 'model', parts }, finishReason };
      return isAnswered ? { ...answer, candidates: [candidate] } : answer;
    },
    output() {
      if (hasThought && !areThoughtsCounted) return undefined;
      return parts
        .filter(({ thought }) => !thought)
        .map(({ text, functionCall }) => (text ?? '') + (functionCall ? JSON.stringify(functionCall) : ''))
        .join('');
    },
  };
}

function readEvent(provider: string, data: string): z.infer<typeof Event> {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw badResponse(provider, 'with an event that is not JSON');
  }
  if (value !== null && typeof value === 'object' && 'error' in value && value.error) {
    throw failureInBody(provider, value.error);
  }
  const event = Event.safeParse(value);
  if (!event.success) throw badResponse(provider, 'with an event that is no piece of an answer');
  return event.data;
}

/** Texts that follow each other are one, unless one of them was thought and the other said. */
function addPart(parts: StreamedPart[], part: StreamedPart): void {
  const last = parts.at(-1);
  const isText = typeof part.text === 'string' && Object.keys(part).every((key) => key === 'text' || key === 'thought');
  if (isText && typeof last?.text === 'string' && Boolean(last.thought) === Boolean(part.thought)) {
    parts[parts.length - 1] = { ...last, text: last.text + part.text };
  } else {
    parts.push(part);
  }
}
