import { type ApiKey, looksLikeSecret } from '../../domain/api-key.ts';
import { InputError } from '../../domain/errors.ts';
import type { ApiKeyStore } from '../../store/api-keys.ts';
import { SLUICE } from '../invocation.ts';

/** A key by its id, or by its name where one key is called so, or one that is not revoked. Throws an InputError. */
export async function findKey(text: string, store: ApiKeyStore): Promise<ApiKey> {
  // It must not be repeated in a message.
  if (looksLikeSecret(text)) throw new InputError('that is the secret of a key; give its id, or its name');
  const all = await store.list();
  const byId = all.find(({ id }) => id === text);
  if (byId) return byId;
  const called = all.filter(({ terms }) => terms.name === text);
  const current = called.filter(({ revoked_at: revokedAt }) => revokedAt === undefined);
  const [found, ...more] = current.length > 0 ? current : called;
  if (!found) throw new InputError(`no key "${text}" here; ${SLUICE} key list shows those that there are`);
  if (more.length === 0) return found;
  const ids = [found, ...more].map(({ id }) => id).join(', ');
  throw new InputError(`${more.length + 1} keys are called "${text}"; give the id of one: ${ids}`);
}
