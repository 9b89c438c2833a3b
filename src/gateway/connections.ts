import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from './api-error.ts';

/** For a body to arrive, and, of a file, between two pieces of it. */
const RECEIVED_WITHIN_MS = 30_000;
/** A client that has taken nothing of its answer for so long is gone, whatever its connection says. */
export const STALLED_MS = 60_000;

export type ConnectionLimits = { receivedWithinMs?: number; stalledMs?: number };

/** Clients that stop in the middle of a request, or of its answer, are cut off: they would hold its memory for ever. */
export function guardConnections(
  app: FastifyInstance,
  isUpload: (request: FastifyRequest) => boolean,
  { receivedWithinMs = RECEIVED_WITHIN_MS, stalledMs = STALLED_MS }: ConnectionLimits = {},
): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (hasBody(request)) watchArrival(request, reply, { receivedWithinMs, isUpload: isUpload(request) });
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    // Counts from the last byte that was taken; the server has limits of its own between two requests.
    reply.raw.setTimeout(stalledMs);
    done(null, payload);
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  const length = headers['content-length'];
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined;
}

function watchArrival(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { receivedWithinMs, isUpload }: { receivedWithinMs: number; isUpload: boolean },
): void {
  let receivedBytes = raw.socket.bytesRead;

  function onLate(): void {
    if (raw.complete) return;
    if (isUpload && raw.socket.bytesRead > receivedBytes) {
      receivedBytes = raw.socket.bytesRead;
      timer.refresh();
      return;
    }
    // Whoever has his answer already has had the time to send the rest, which nobody reads.
    if (reply.sent) raw.destroy();
    else reply.send(new ApiError(408, 'invalid_request_error', 'the request took too long to arrive'));
  }

  const timer = setTimeout(onLate, receivedWithinMs);
  raw.once('close', () => clearTimeout(timer));
}
