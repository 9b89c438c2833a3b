import { z } from 'zod';
import { badResponse, failureInBody } from '../failures.ts';
import type { Assembly } from '../provider.ts';

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
});

/** Puts a streamed answer together: parts in a row, of everything else what was said last. */
export function createGoogleAssembly(provider: string): Assembly {
  const parts: StreamedPart[] = [];
  let finishReason: string | undefined;
  let isBlocked = false;
  let answer: Record<string, unknown> = {};

  return {
    add({ data }) {
      const event = readEvent(provider, data);
      const { candidates, ...rest } = event;
      // The counts in the last event are those of the whole answer.
      answer = { ...answer, ...rest };
      const candidate = candidates?.[0];
      const added = candidate?.content?.parts ?? [];
      for (const part of added) addPart(parts, part);
      finishReason = candidate?.finishReason ?? finishReason;
      // A prompt that is held back has no candidates, and nothing more comes.
      isBlocked ||= Boolean(event.promptFeedback?.blockReason);
      if (added.length === 0) return undefined;
      return added.map((part) => (part.thought ? '' : (part.text ?? ''))).join('');
    },
    get isComplete() {
      return finishReason !== undefined || (isBlocked && parts.length === 0);
    },
    body() {
      const isAnswered = parts.length > 0 || finishReason !== undefined;
      const candidate = { content: { role: 'model', parts }, finishReason };
      return isAnswered ? { ...answer, candidates: [candidate] } : answer;
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
