import type { FastifyReply, FastifyRequest } from 'fastify';

/** Aborted when the client has closed its connection before it had its answer. `stop` ends the watch. */
export function abandonedBy(
  request: FastifyRequest,
  reply: FastifyReply,
): { signal: AbortSignal; abort: (reason: Error) => void; stop: () => void } {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the client went away'));
  };
  reply.raw.once('close', onClose);
  if (request.raw.destroyed && request.raw.socket.destroyed) onClose();
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    stop: () => void reply.raw.off('close', onClose),
  };
}
