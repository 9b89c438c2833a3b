import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from './api-error.ts';
import { createAuth } from './auth.ts';
import { addBatches } from './batches/routes.ts';
import type { Caller } from './caller.ts';
import { chatFace } from './chat/face.ts';
import { embeddingsFace } from './embeddings/face.ts';
import { openAiErrorBody, retryHeaders } from './error-reply.ts';
import { addFace } from './exchange.ts';
import { toApiError } from './failures.ts';
import { addFiles } from './files/routes.ts';
import { addCountTokens } from './messages/count-tokens.ts';
import { messagesFace } from './messages/face.ts';
import { addModels } from './models.ts';
import { responsesFace } from './responses/face.ts';
import type { ExchangeTools } from './running.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How a route's API tells errors; OpenAI's way without it. */
    toErrorBody?: (error: ApiError, requestId: string) => object;
  }
}

/** Everything below `/v1`, in a scope of its own: its log-in and its errors are not those of the pages for people. */
export function addApi(app: FastifyInstance, tools: ExchangeTools, options: { allowAnonymous: boolean }): void {
  const authenticate = createAuth(tools, options);
  const sendError = createErrorSender(tools);
  app.setNotFoundHandler((request, reply) => sendError(unknownUrl(request), request, reply));
  app.register(async (api) => {
    api.decorateRequest('caller', null as unknown as Caller);
    api.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.id);
      await authenticate(request);
    });
    // It would be read as a text, and then be told to be no object.
    api.removeContentTypeParser('text/plain');
    api.setErrorHandler((error, request, reply) => sendError(error, request, reply));
    for (const add of [addModels, addFiles, addBatches, addCountTokens]) add(api, tools);
    addFace(api, chatFace, tools);
    addFace(api, responsesFace, tools);
    addFace(api, messagesFace, tools);
    addFace(api, embeddingsFace, tools);
  });
}

function unknownUrl({ method, url }: FastifyRequest): ApiError {
  const path = url.split('?', 1)[0]?.slice(0, 200);
  return new ApiError(404, 'invalid_request_error', `there is no ${method} ${path} here`, { code: 'unknown_url' });
}

function createErrorSender({ logger }: Pick<ExchangeTools, 'logger'>) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toApiError(thrown);
    const { toErrorBody = openAiErrorBody, url = '?' } = request.routeOptions.config as {
      toErrorBody?: (error: ApiError, requestId: string) => object;
      url?: string;
    };
    const told = { request: request.id, route: `${request.method} ${url}`, status: error.status, code: error.code };
    if (error.status >= 500) logger.warn(told, 'request failed');
    else logger.debug(told, 'request refused');
    // What we did not throw ourselves is a bug; its text may hold anything, its stack does not.
    if (error.code === 'internal_error')
      logger.error({ ...told, stack: stackOf(thrown) }, 'an error of the gateway itself');
    // A body that was not read to its end would be taken for the next request.
    if (error.status === 413 || error.status === 408) reply.header('connection', 'close');
    return reply
      .code(error.status)
      .headers({ 'x-request-id': request.id, ...error.headers, ...retryHeaders(error) })
      .type('application/json; charset=utf-8')
      .send(toErrorBody(error, request.id));
  };
}

function stackOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.stack?.split('\n').slice(1, 6).join('\n') : undefined;
}
