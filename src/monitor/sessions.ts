import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const COOKIE = 'sluice_session';
const LIFETIME_SECONDS = 12 * 3_600;
const ATTRIBUTES = 'Path=/; HttpOnly; SameSite=Strict';

export type Sessions = ReturnType<typeof createSessions>;

/**
 * Sessions without a store: the cookie says when it expires and is signed with a secret of this start, so that a restart
 * logs everyone out.
 */
export function createSessions(now: () => number = Date.now) {
  const secret = randomBytes(32);

  function sign(expiresAt: string): Buffer {
    return createHmac('sha256', secret).update(expiresAt).digest();
  }

  return {
    /** The `Set-Cookie` header of a new session. */
    open(): string {
      const expiresAt = String(now() + LIFETIME_SECONDS * 1_000);
      const value = `${expiresAt}.${sign(expiresAt).toString('base64url')}`;
      return `${COOKIE}=${value}; Max-Age=${LIFETIME_SECONDS}; ${ATTRIBUTES}`;
    },
    /** The `Set-Cookie` header that ends a session. */
    close(): string {
      return `${COOKIE}=; Max-Age=0; ${ATTRIBUTES}`;
    },
    /** Whether a `Cookie` header holds a session that we opened and that has not expired. */
    isOpen(header: string | undefined): boolean {
      const [expiresAt = '', signature = ''] = readCookie(header).split('.');
      const given = Buffer.from(signature, 'base64url');
      const expected = sign(expiresAt);
      const isOurs = given.length === expected.length && timingSafeEqual(given, expected);
      return isOurs && now() < Number(expiresAt);
    },
  };
}

function readCookie(header: string | undefined): string {
  const start = `${COOKIE}=`;
  const pair = header?.split(';').find((part) => part.trim().startsWith(start));
  return pair?.trim().slice(start.length) ?? '';
}
