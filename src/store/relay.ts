import type { Redis } from 'ioredis';
import type { AnswerPiece } from '../domain/answer-piece.ts';
import type { JobResult } from '../domain/result.ts';
import type { Keys } from './keys.ts';

/**
 * What goes to the process that waits for a job, on a channel of its own: pieces of the answer, from the worker that
 * receives them, and the result, from SETTLE in the step that writes it down. Both are only sooner than the result that is
 * written down: whoever waits looks for that as well, and counts the pieces that came.
 */

/** Some pieces of one attempt's answer, in their order. */
export type RelayMessage = {
  jobId: string;
  attemptId: string;
  /** How many pieces of this attempt were sent before these. */
  after: number;
  /** Who is answering: the provider's own id of the model. */
  model: string;
  pieces: AnswerPiece[];
};

export type RelaySender = {
  /** Sends one more piece; all those of one turn of the event loop go together. Never throws. */
  send(to: string, message: Omit<RelayMessage, 'pieces'> & { piece: AnswerPiece }): void;
};

/** `redis` is the connection on which results are written, so that a result is never sooner than its last piece. */
export function createRelaySender(redis: Redis, keys: Keys): RelaySender {
  let waiting = new Map<string, RelayMessage[]>();

  function flush(): void {
    const all = waiting;
    waiting = new Map();
    // Nobody waits for pieces for as long as an outage lasts; and they would pile up.
    if (redis.status !== 'ready') return;
    for (const [to, messages] of all) redis.publish(keys.relay(to), JSON.stringify(messages)).catch(() => {});
  }

  return {
    send(to, { piece, ...head }) {
      if (waiting.size === 0) setImmediate(flush);
      const messages = waiting.get(to) ?? [];
      waiting.set(to, messages);
      const last = messages.findLast((message) => message.attemptId === head.attemptId);
      if (last) last.pieces.push(piece);
      else messages.push({ ...head, pieces: [piece] });
    },
  };
}

export type RelayEar = {
  /** Resolves when it hears. */
  ready: Promise<unknown>;
  /** Hears the pieces of a job's answer until the returned function is called. */
  listen(jobId: string, onPieces: (message: RelayMessage) => void): () => void;
};

/** `subscriber` is a connection for subscriptions, `id` by which this process is known. */
export function createRelayEar(
  subscriber: Redis,
  keys: Keys,
  id: string,
  onResult: (result: JobResult) => void,
): RelayEar {
  const listeners = new Map<string, Set<(message: RelayMessage) => void>>();
  const ours = keys.relay(id);
  let subscribing: Promise<unknown> | undefined;
  subscriber.on('message', (channel: string, text: string) => {
    if (channel !== ours) return;
    const message = parse(text);
    if (!Array.isArray(message)) {
      if (message) onResult(message);
      return;
    }
    for (const each of message) for (const listener of listeners.get(each.jobId) ?? []) listener(each);
  });
  return {
    /** Not before somebody wants to hear. It goes on trying for as long as the connection is open. */
    get ready() {
      subscribing ??= subscriber.subscribe(ours).catch(() => (subscribing = undefined));
      return subscribing;
    },
    listen(jobId, onPieces) {
      const those = listeners.get(jobId) ?? new Set();
      listeners.set(jobId, those.add(onPieces));
      return () => {
        those.delete(onPieces);
        if (those.size === 0 && listeners.get(jobId) === those) listeners.delete(jobId);
      };
    },
  };
}

/** Only workers and the ledger write there; what cannot be read is made up for at the end. */
function parse(text: string): RelayMessage[] | JobResult | undefined {
  try {
    return JSON.parse(text) as RelayMessage[] | JobResult;
  } catch {
    return undefined;
  }
}
