import type { FastifyInstance } from 'fastify';

// The board sets inline styles; scripts, calls and everything else come from this server alone.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

export const PROTECTION_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Not `no-referrer`: with that, browsers send `Origin: null` with the log-in form.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Headers that keep pages and data to this server, and a refusal of changes that another site's page asks for. */
export function addProtection(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(PROTECTION_HEADERS);
    const isChange = request.method !== 'GET' && request.method !== 'HEAD';
    if (isChange && !isSameOrigin(request.headers, request.host)) {
      return reply.code(403).send({ error: 'this request comes from another site' });
    }
    return undefined;
  });
}

/** Programs send no Origin; browsers send one with every change. Only hosts are compared, as a proxy may end TLS. */
function isSameOrigin(headers: { origin?: string | undefined }, host: string): boolean {
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === host;
}
