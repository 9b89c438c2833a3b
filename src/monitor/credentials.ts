import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isLoopbackHost } from '../domain/address.ts';
import { InputError } from '../domain/errors.ts';

export type Credentials = { user: string; password: string };

const DEFAULT_USER = 'sluice';

/**
 * Who may come in. On loopback a password is made up for this start when none is given (`isGenerated`: print it);
 * where others can reach the monitor it has to be set. Throws InputError when it is not.
 */
export function resolveCredentials(
  host: string,
  given: { user?: string; password?: string },
): { credentials: Credentials; isGenerated: boolean } {
  if (isLoopbackHost(host)) {
    const password = given.password ?? randomBytes(15).toString('base64url');
    const credentials = { user: given.user ?? DEFAULT_USER, password };
    if (credentials.user === '' || password === '') throw new InputError("the monitor's user and password are empty");
    return { credentials, isGenerated: given.password === undefined };
  }
  if (!given.user || !given.password) {
    throw new InputError(
      `the board on ${host} can be reached by others: give it --user and SLUICE_BOARD_PASSWORD, or use 127.0.0.1`,
    );
  }
  return { credentials: { user: given.user, password: given.password }, isGenerated: false };
}

/** Takes the same time for every wrong answer, whatever it has in common with the right one. */
export function matchCredentials(expected: Credentials, given: Credentials): boolean {
  const isUser = timingSafeEqual(digest(expected.user), digest(given.user));
  const isPassword = timingSafeEqual(digest(expected.password), digest(given.password));
  return isUser && isPassword;
}

/** The credentials of an `Authorization: Basic` header; undefined when there is none. */
export function parseBasic(header: string | undefined): Credentials | undefined {
  const encoded = /^Basic ([\w+/=-]+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
