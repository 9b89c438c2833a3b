import { createParser } from 'eventsource-parser';

/** One event of a stream, as `text/event-stream` has them: its type, where it is named, and its data. */
export type ServerSentEvent = { event?: string; data: string };

/** Thrown when one event is larger than anything a provider has to say in one. */
export class EventTooLarge extends Error {
  constructor(maxCharacters: number) {
    super(`one event of the stream has more than ${maxCharacters} characters`);
    this.name = 'EventTooLarge';
  }
}

export type EventReader = {
  /** Takes the next bytes, split wherever the network did. Throws EventTooLarge, and what the listener throws. */
  push(chunk: Uint8Array): void;
  /** Takes it that the stream has ended: hands over a last event that has no blank line after it. */
  end(): void;
};

/** Whole answers arrive in one event where a server only plays at streaming. */
const MAX_EVENT_CHARACTERS = 4 * 1_048_576;

/** Bytes to events. Comments, by which servers keep connections awake, are left out. */
export function createEventReader(
  onEvent: (event: ServerSentEvent) => void,
  maxEventCharacters = MAX_EVENT_CHARACTERS,
): EventReader {
  const decoder = new TextDecoder();
  let isTooLarge = false;
  const parser = createParser({
    maxBufferSize: maxEventCharacters,
    onEvent: ({ event, data }) => {
      if (data.length > maxEventCharacters) isTooLarge = true;
      else onEvent(event === undefined ? { data } : { event, data });
    },
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') isTooLarge = true;
    },
  });
  const feed = (text: string): void => {
    parser.feed(text);
    if (isTooLarge) throw new EventTooLarge(maxEventCharacters);
  };
  return {
    push: (chunk) => feed(decoder.decode(chunk, { stream: true })),
    end: () => feed(`${decoder.decode()}\n\n`),
  };
}
