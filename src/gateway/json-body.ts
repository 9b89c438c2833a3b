import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError, badRequest } from './api-error.ts';
import type { Place } from './places.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of every request with a JSON body, before anything of that is kept. */
    place: Place;
  }
}

/** What a request says that its body has; 0 when it does not say. */
export function toldBytesOf({ headers }: Pick<FastifyRequest, 'headers'>): number {
  return Number(headers['content-length'] ?? 0);
}

export function bodyTooLarge(limitBytes: number): ApiError {
  const message = `the body is too large: ${limitBytes} bytes at the most`;
  return new ApiError(413, 'invalid_request_error', message, { code: 'request_too_large' });
}

/** Takes bodies of JSON, and no others. They take room as they come: what was only announced takes none. */
export function addJsonBody(app: FastifyInstance, limitBytes: number): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  // A text would be read, and then be told to be no object.
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', (request, payload, done) => {
    receive(request, payload, limitBytes, (error, text) => {
      // A request that needs no body may still say what kind it would be.
      if (error || text === '') done(error);
      else void parse(request, text, (broken, body) => done(broken ? whyUnread(text) : whyNoObject(body), body));
    });
  });
}

/** The parser tells a body apart that would change what every object is made of; that much is worth saying. */
function whyUnread(text: string): ApiError {
  try {
    JSON.parse(text);
    return badRequest('the body has a field "__proto__" or "constructor.prototype", which nothing here can have');
  } catch {
    return badRequest('the body is not valid JSON');
  }
}

/** Said here, once for all: what would tell what came instead might tell a prompt. */
function whyNoObject(body: unknown): ApiError | null {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? null
    : badRequest('the body must be a JSON object');
}

function receive(
  request: FastifyRequest,
  payload: IncomingMessage,
  limitBytes: number,
  done: (error: Error | null, text: string) => void,
): void {
  const chunks: Buffer[] = [];
  let received = 0;

  function onData(chunk: Buffer): void {
    received += chunk.length;
    chunks.push(chunk);
    if (received > limitBytes) return finish(bodyTooLarge(limitBytes));
    try {
      request.place.grow(chunk.length);
    } catch (error) {
      finish(error as ApiError);
    }
  }
  const onEnd = (): void => finish(null);
  const onError = (): void => finish(badRequest('the body broke off'));

  function finish(error: ApiError | null): void {
    payload.off('data', onData).off('end', onEnd).off('error', onError);
    // Errors of a connection that is given up are nobody's any more.
    if (error) payload.on('error', () => {});
    const [only] = chunks;
    const whole = chunks.length === 1 && only ? only : Buffer.concat(error ? [] : chunks);
    done(error, error ? '' : whole.toString());
  }

  payload.on('data', onData).once('end', onEnd).once('error', onError);
}
