import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from './api-error.ts';
import { createAuth } from './auth.ts';
import { addBatches } from './batches/routes.ts';
import { chatFace } from './chat/face.ts';
import { guardConnections } from './connections.ts';
import { embeddingsFace } from './embeddings/face.ts';
import { createErrorSender } from './error-sender.ts';
import { addFace } from './exchange.ts';
import { addFiles } from './files/routes.ts';
import { addJsonBody, bodyTooLarge, toldBytesOf } from './json-body.ts';
import { addCountTokens } from './messages/count-tokens.ts';
import { messagesFace } from './messages/face.ts';
import { addModels } from './models.ts';
import { responsesFace } from './responses/face.ts';
import type { ExchangeTools } from './running.ts';
import { followTraces } from './trace-context.ts';

/** Everything below `/v1`, in a scope of its own: its log-in and its errors are not those of the pages for people. */
export function addApi(
  app: FastifyInstance,
  tools: ExchangeTools,
  options: { allowAnonymous: boolean; isStopping: () => boolean },
): void {
  const authenticate = createAuth(tools, options);
  const sendError = createErrorSender(tools.logger);
  const { body_limit_bytes: limitBytes } = tools.config.gateway;
  guardConnections(app, isUpload);
  app.setNotFoundHandler((request, reply) => sendError(unknownUrl(request), request, reply));
  app.register(async (api) => {
    api.decorateRequest('caller');
    api.decorateRequest('place');
    api.setErrorHandler((error, request, reply) => sendError(error, request, reply));
    api.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.id);
      if (options.isStopping()) throw stopping();
      await authenticate(request);
      if (request.method === 'POST' && !isUpload(request)) takePlace(request, reply, tools, limitBytes);
    });
    await followTraces(api, tools.config);
    addJsonBody(api, limitBytes);
    for (const add of [addModels, addFiles, addBatches, addCountTokens]) add(api, tools);
    addFace(api, chatFace, tools);
    addFace(api, responsesFace, tools);
    addFace(api, messagesFace, tools);
    addFace(api, embeddingsFace, tools);
  });
}

/** Files are taken in piece by piece, onto the disk. */
function isUpload({ method, url }: FastifyRequest): boolean {
  return method === 'POST' && /^\/v1\/files(?=\?|$)/.test(url);
}

function takePlace(
  request: FastifyRequest,
  reply: FastifyReply,
  { places }: Pick<ExchangeTools, 'places'>,
  limitBytes: number,
): void {
  const bytes = toldBytesOf(request);
  if (bytes > limitBytes) throw bodyTooLarge(limitBytes);
  // Its end has been told already, and would never be heard of.
  if (request.raw.socket.destroyed) throw new ApiError(499, 'api_error', 'the client went away', { code: 'cancelled' });
  const place = places.take(request.caller.key?.id, bytes);
  request.place = place;
  reply.raw.once('close', place.leave);
}

function stopping(): ApiError {
  const message = 'this gateway is stopping; ask again';
  return new ApiError(503, 'overloaded_error', message, { code: 'unavailable', retry: { afterMs: 1_000 } });
}

function unknownUrl({ method, url }: FastifyRequest): ApiError {
  const path = url.split('?', 1)[0]?.slice(0, 200);
  return new ApiError(404, 'invalid_request_error', `there is no ${method} ${path} here`, { code: 'unknown_url' });
}
