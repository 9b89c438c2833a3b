import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BOARD_PATH } from './board.ts';
import { type Credentials, matchCredentials, parseBasic } from './credentials.ts';
import { createFailureLimit } from '../domain/failure-limit.ts';
import { ICON, renderLogin, renderLogout } from './pages.ts';
import { createSessions } from './sessions.ts';

/** Where a log-in leads that came from nowhere. */
const HOME_PATH = '/';
const MAX_FORM_BYTES = 8_192;
const TOO_MANY_FAILURES = 'Too many failed log-ins. Wait a minute and try again.';

/**
 * Adds the log-in form and returns the hook that guards a route: it lets a session cookie or HTTP Basic pass, sends a
 * person to the form, and answers 401 to a program.
 */
export function addAccess(app: FastifyInstance, credentials: Credentials) {
  const sessions = createSessions();
  const failures = createFailureLimit();

  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: MAX_FORM_BYTES },
    (_request, body, done) => done(null, new URLSearchParams(String(body))),
  );

  app.get('/icon.svg', (_request, reply) => reply.type('image/svg+xml').send(ICON));
  app.get<{ Querystring: { next?: string } }>('/login', (request, reply) =>
    sendHtml(reply, renderLogin(pathOfThisServer(request.query.next))),
  );
  app.post('/login', (request, reply) => {
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    const next = pathOfThisServer(form.get('next') ?? undefined);
    if (failures.isReached(request.ip)) {
      reply.code(429).header('retry-after', failures.retryAfterSeconds());
      return sendHtml(reply, renderLogin(next, TOO_MANY_FAILURES));
    }
    const given = { user: form.get('user') ?? '', password: form.get('password') ?? '' };
    if (!matchCredentials(credentials, given)) {
      failures.count(request.ip);
      return sendHtml(reply.code(401), renderLogin(next, 'Wrong user or password.'));
    }
    return reply.header('set-cookie', sessions.open()).redirect(next, 303);
  });
  app.get('/logout', (_request, reply) => sendHtml(reply, renderLogout()));
  app.post('/logout', (_request, reply) => reply.header('set-cookie', sessions.close()).redirect('/login', 303));

  return async function requireLogin(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    if (sessions.isOpen(request.headers.cookie)) return undefined;
    const given = parseBasic(request.headers.authorization);
    if (given === undefined) return isPageLoad(request) ? sendToLogin(request, reply) : refuse(request, reply);
    if (failures.isReached(request.ip)) {
      return reply.code(429).header('retry-after', failures.retryAfterSeconds()).send({ error: TOO_MANY_FAILURES });
    }
    if (matchCredentials(credentials, given)) return undefined;
    failures.count(request.ip);
    return refuse(request, reply);
  };
}

function sendToLogin(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply.redirect(`/login?next=${encodeURIComponent(request.url)}`);
}

function refuse(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // To a call of the board whose session has expired a browser would open a dialog of its own.
  const isBoardCall = request.url.startsWith(`${BOARD_PATH}/`);
  if (!isBoardCall) reply.header('www-authenticate', 'Basic realm="sluice", charset="UTF-8"');
  return reply.code(401).send({ error: 'log in first: at /login, or with HTTP Basic' });
}

function sendHtml(reply: FastifyReply, html: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(html);
}

function isPageLoad(request: FastifyRequest): boolean {
  return request.method === 'GET' && (request.headers.accept ?? '').includes('text/html');
}

/** A path to go on with after the log-in; anything that leads to another host leads home instead. */
function pathOfThisServer(path: string | undefined): string {
  const base = 'http://monitor.invalid';
  if (path === undefined || !URL.canParse(path, base)) return HOME_PATH;
  const url = new URL(path, base);
  return url.origin === base ? url.pathname + url.search : HOME_PATH;
}
