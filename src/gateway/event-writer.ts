import type { ServerResponse } from 'node:http';
import { STALLED_MS } from './connections.ts';

/** Proxies and clients give up on connections on which nothing moves. */
const KEEP_ALIVE_MS = 10_000;
/** What may wait for a client that reads slowly. */
const MOST_PENDING_BYTES = 1_048_576;
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // nginx would collect the pieces.
  'x-accel-buffering': 'no',
};

/**
 * Server-sent events to one client. The head goes out with the first event: until then the request may still end with a
 * status of its own. When that takes long, the head goes out before, and comments keep the connection.
 */
export type EventWriter = {
  readonly isOpen: boolean;
  write(text: string): void;
  end(): void;
  /** Ends the timers; what was not opened is left to others. */
  release(): void;
};

/** `headersOf` is asked once, when the head goes out. `onStalled` hears of a client that does not read. */
export function createEventWriter(
  response: ServerResponse,
  headersOf: () => Record<string, string>,
  onStalled: () => void,
  stalledMs = STALLED_MS,
): EventWriter {
  let isOpen = false;
  let stalled: NodeJS.Timeout | undefined;
  const keepAlive = setInterval(() => write(': waiting\n\n'), KEEP_ALIVE_MS);

  function write(text: string): void {
    if (text === '' || response.destroyed) return;
    if (!isOpen) response.writeHead(200, { ...headersOf(), ...HEADERS });
    isOpen = true;
    keepAlive.refresh();
    if (response.write(text) || stalled !== undefined) {
      if (response.writableLength > MOST_PENDING_BYTES) onStalled();
      return;
    }
    stalled = setTimeout(onStalled, stalledMs);
    response.once('drain', () => {
      clearTimeout(stalled);
      stalled = undefined;
    });
  }

  function release(): void {
    clearInterval(keepAlive);
    clearTimeout(stalled);
  }

  return {
    get isOpen() {
      return isOpen;
    },
    write,
    end() {
      release();
      response.end();
      // The rest of it may still wait for a client that does not read.
      response.setTimeout(stalledMs, onStalled);
    },
    release,
  };
}
