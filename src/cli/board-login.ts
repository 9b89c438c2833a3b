import type { Monitor } from '../monitor/index.ts';

/** `http://127.0.0.1:3010  (user sluice, password ...)`; a password that was given is not repeated. */
export function describeBoard({ url, credentials }: Monitor): string {
  if (credentials === undefined) return `${url}  (log in with the password that you set)`;
  return `${url}  (user ${credentials.user}, password ${credentials.password})`;
}
