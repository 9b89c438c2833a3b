import type { Redis } from 'ioredis';
import type { AnswerPiece } from '../domain/answer-piece.ts';
import type { Keys } from './keys.ts';

/**
 * Pieces of answers on their way from the worker that receives them to the gateway whose client waits for them. They are
 * only sooner than the result, which holds all of the answer: a message that is lost is made up for at the end, by
 * whoever counts what came.
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
  send(gatewayId: string, message: Omit<RelayMessage, 'pieces'> & { piece: AnswerPiece }): void;
};

/** `redis` is the connection on which results are written, so that a result is never sooner than its last piece. */
export function createRelaySender(redis: Redis, keys: Keys): RelaySender {
  let waiting = new Map<string, RelayMessage[]>();

  function flush(): void {
    const all = waiting;
    waiting = new Map();
    // Nobody waits for pieces for as long as an outage lasts; and they would pile up.
    if (redis.status !== 'ready') return;
    for (const [gatewayId, messages] of all) {
      redis.publish(keys.relay(gatewayId), JSON.stringify(messages)).catch(() => {});
    }
  }

  return {
    send(gatewayId, { piece, ...head }) {
      if (waiting.size === 0) setImmediate(flush);
      const messages = waiting.get(gatewayId) ?? [];
      waiting.set(gatewayId, messages);
      const last = messages.findLast((message) => message.attemptId === head.attemptId);
      if (last) last.pieces.push(piece);
      else messages.push({ ...head, pieces: [piece] });
    },
  };
}

export type RelayEar = {
  /** Resolves when it hears: what is sent before is told at the end of its answer. */
  ready: Promise<unknown>;
  /** Hears the pieces of a job's answer until the returned function is called. */
  listen(jobId: string, onMessage: (message: RelayMessage) => void): () => void;
};

/** `subscriber` is a connection for subscriptions. */
export function createRelayEar(subscriber: Redis, keys: Keys, gatewayId: string): RelayEar {
  const listeners = new Map<string, (message: RelayMessage) => void>();
  const ours = keys.relay(gatewayId);
  subscriber.on('message', (channel: string, text: string) => {
    if (channel !== ours) return;
    for (const message of parseMessages(text)) listeners.get(message.jobId)?.(message);
  });
  // It goes on trying for as long as the connection is open; answers come whole until it has succeeded.
  const ready = subscriber.subscribe(ours).catch(() => {});
  return {
    ready,
    listen(jobId, onMessage) {
      listeners.set(jobId, onMessage);
      return () => void listeners.delete(jobId);
    },
  };
}

/** Only workers write there; what cannot be read is made up for at the end. */
function parseMessages(text: string): RelayMessage[] {
  try {
    return JSON.parse(text) as RelayMessage[];
  } catch {
    return [];
  }
}
