import type { ServerResponse } from 'node:http';
import { STALLED_MS } from './connections.ts';

/** Proxies and clients give up on connections on which nothing moves. */
const KEEP_ALIVE_MS = 10_000;
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // nginx would collect the pieces.
  'x-accel-buffering': 'no',
};

/**
 * Server-sent events to one client. The head goes out with the first event: until then the request may still end with a
 * status of its own. When that takes long, the head goes out before, and comments keep the connection.
 *
 * A client may read as slowly as it likes: what waits for it is never more than its answer. It is cut off when for
 * `stalledMs` it has taken nothing and nothing new has come for it either, which node sees by its connection.
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
  const keepAlive = setInterval(() => {
    // More of them would only hide that nothing is read.
    if (response.writableLength === 0) write(': waiting\n\n');
  }, KEEP_ALIVE_MS);

  function write(text: string): void {
    if (text === '' || response.destroyed) return;
    if (!isOpen) {
      response.setTimeout(stalledMs, onStalled);
      response.writeHead(200, { ...headersOf(), ...HEADERS });
    }
    isOpen = true;
    keepAlive.refresh();
    response.write(text);
  }

  function release(): void {
    clearInterval(keepAlive);
  }

  return {
    get isOpen() {
      return isOpen;
    },
    write,
    end() {
      release();
      response.end();
    },
    release,
  };
}
