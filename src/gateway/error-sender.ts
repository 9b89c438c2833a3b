import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { isRedisFailure } from '../store/redis.ts';
import { ApiError, badRequest } from './api-error.ts';
import { openAiErrorBody, retryHeaders } from './error-reply.ts';
import { toApiError } from './failures.ts';
import { toErrorBody as anthropicErrorBody } from './messages/failure.ts';

type ToErrorBody = (error: ApiError, requestId: string) => object;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How a route's API tells errors; without it that of the path, OpenAI's for most. */
    toErrorBody?: ToErrorBody;
  }
}

const OF_ANTHROPIC = /^\/v1\/messages(?=[/?]|$)/;

/** Answers with what was thrown, in the words of the API that was asked. */
export function createErrorSender(logger: Logger) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toApiError(thrown);
    // A path that cannot be read belongs to no route.
    const { toErrorBody, url = '?' } = (request.routeOptions.config ?? {}) as {
      toErrorBody?: ToErrorBody;
      url?: string;
    };
    const told = { request: request.id, route: `${request.method} ${url}`, status: error.status, code: error.code };
    if (error.status >= 500) logger.warn({ ...told, ...nameOf(thrown) }, 'request failed');
    else logger.debug(told, 'request refused');
    // What we did not throw ourselves is a bug; its text may hold anything, its stack does not.
    if (error.code === 'internal_error')
      logger.error({ ...told, stack: stackOf(thrown) }, 'an error of the gateway itself');
    // A body that was not read to its end would be taken for the next request.
    if (error.status === 413 || error.status === 408) reply.header('connection', 'close');
    const toBody = toErrorBody ?? (OF_ANTHROPIC.test(request.url) ? anthropicErrorBody : openAiErrorBody);
    return reply
      .code(error.status)
      .headers({ 'x-request-id': request.id, ...retryHeaders(error) })
      .type('application/json; charset=utf-8')
      .send(toBody(error, request.id));
  };
}

function nameOf(thrown: unknown): { error?: string } {
  return isRedisFailure(thrown) ? { error: thrown.name } : {};
}

function stackOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.stack?.split('\n').slice(1, 6).join('\n') : undefined;
}

const OF_PARSER: Readonly<Record<string, ApiError>> = {
  HPE_HEADER_OVERFLOW: new ApiError(431, 'invalid_request_error', 'the headers are too large'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new ApiError(
    413,
    'invalid_request_error',
    'the chunks of the body have too much to say',
  ),
  ERR_HTTP_REQUEST_TIMEOUT: new ApiError(408, 'invalid_request_error', 'the request took too long to arrive'),
};

/** For what is no HTTP that could be read, so that no route knows of it. An answer under way is not written into. */
export function refuseConnection(
  thrown: Error & { code?: string },
  socket: Socket & { _httpMessage?: { headersSent: boolean } | null },
): void {
  const isAnswering = socket._httpMessage?.headersSent === true;
  if (thrown.code === 'ECONNRESET' || !socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  const error = OF_PARSER[thrown.code ?? ''] ?? badRequest('this is not HTTP that can be read');
  const body = JSON.stringify(openAiErrorBody(error));
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    'connection: close',
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(retryHeaders(error)).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
