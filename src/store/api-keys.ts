import type { Redis } from 'ioredis';
import { ApiKey, type ApiKeyTerms, createApiKeyId, createSecret, digestOfSecret } from '../domain/api-key.ts';
import type { StoredApiKey } from '../domain/api-key.ts';
import { InputError } from '../domain/errors.ts';
import type { Keys } from './keys.ts';

/**
 * Virtual keys, a hash each: `terms` and `rotated` (JSON), `created_at`, `revoked_at`, `digest` and `previous_digest` (hex).
 * A key is never deleted: its usage and its budget must stay explained.
 */

/** KEYS: the key, the index. ARGV: id, terms, now, digest. Reply: 1 when it was created. */
const CREATE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'terms', ARGV[2], 'created_at', ARGV[3], 'digest', ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
`;

/**
 * ARGV: the new digest, `rotated`, '1' when the old secret works on for a while. Sent again since its reply was lost, it
 * must not take the new secret for the old one.
 */
const ROTATE = `
local digest = redis.call('HGET', KEYS[1], 'digest')
if not digest then return 'unknown' end
if redis.call('HEXISTS', KEYS[1], 'revoked_at') == 1 then return 'revoked' end
if digest == ARGV[1] then return 'rotated' end
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'rotated', ARGV[2])
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'previous_digest', digest)
else redis.call('HDEL', KEYS[1], 'previous_digest') end
return 'rotated'
`;

/** ARGV: now. The first time stands. */
const REVOKE = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSETNX', KEYS[1], 'revoked_at', ARGV[1]) end
`;

/** ARGV: the terms that were read, and those that are to stand in their place. Reply: 1 when they were the same still. */
const UPDATE = `
if redis.call('HGET', KEYS[1], 'terms') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'terms', ARGV[2])
return 1
`;

const MOST_TRIES = 10;

export type ApiKeyStore = ReturnType<typeof createApiKeyStore>;

/** Keys as people make and change them; requests find theirs by `createApiKeyReader`. */
export function createApiKeyStore(redis: Redis, keys: Keys, now: () => number = Date.now) {
  /** The secret is told this once: no more than its digest is kept. */
  async function create(terms: ApiKeyTerms): Promise<{ key: ApiKey; secret: string }> {
    const key: ApiKey = { id: createApiKeyId(), terms, created_at: now() };
    const secret = createSecret(key.id);
    const fields = [key.id, JSON.stringify(terms), String(key.created_at), hexDigestOf(secret)];
    const created = await redis.eval(CREATE, 2, keys.apiKey(key.id), keys.apiKeys, ...fields);
    return created === 1 ? { key, secret } : create(terms);
  }

  /** All that there ever were, the oldest first. */
  async function list(): Promise<ApiKey[]> {
    const ids = await redis.zrange(keys.apiKeys, '0', '-1');
    const found = await Promise.all(ids.map(get));
    return found.flatMap((key) => key ?? []);
  }

  async function get(id: string): Promise<ApiKey | undefined> {
    return (await readApiKey(redis, keys, id))?.key;
  }

  async function demand(id: string): Promise<ApiKey> {
    const key = await get(id);
    if (!key) throw unknownKey(id);
    return key;
  }

  /** Gives the key another secret; the one before works on for `graceMs`, and the one before that no more. */
  async function rotate(id: string, graceMs: number): Promise<{ key: ApiKey; secret: string }> {
    const secret = createSecret(id);
    const rotated: ApiKey['rotated'] = { at: now(), previous_until: now() + graceMs };
    const fields = [hexDigestOf(secret), JSON.stringify(rotated), graceMs > 0 ? '1' : '0'];
    const outcome = await redis.eval(ROTATE, 1, keys.apiKey(id), ...fields);
    if (outcome === 'unknown') throw unknownKey(id);
    if (outcome === 'revoked') throw new InputError(`key ${id} is revoked for good; create another one`);
    return { key: await demand(id), secret };
  }

  /** For good. Revoking it again changes nothing. */
  async function revoke(id: string): Promise<ApiKey> {
    await redis.eval(REVOKE, 1, keys.apiKey(id), now());
    return demand(id);
  }

  /** Changes made by two at once both count. */
  async function update(id: string, change: (terms: ApiKeyTerms) => ApiKeyTerms): Promise<ApiKey> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const before = await redis.hget(keys.apiKey(id), 'terms');
      if (before === null) throw unknownKey(id);
      const after = JSON.stringify(change(ApiKey.shape.terms.parse(JSON.parse(before))));
      if ((await redis.eval(UPDATE, 1, keys.apiKey(id), before, after)) === 1) return demand(id);
    }
    throw new InputError(`key ${id} is being changed by others; try again`);
  }

  return { create, list, get, rotate, revoke, update };
}

/** Throws what zod throws for a key with terms of a newer version: one that is not understood must not be let in. */
export async function readApiKey(redis: Redis, keys: Keys, id: string): Promise<StoredApiKey | undefined> {
  const { terms, digest, ...fields } = await redis.hgetall(keys.apiKey(id));
  if (terms === undefined || digest === undefined) return undefined;
  const { created_at, revoked_at, rotated, previous_digest: previous } = fields;
  const key = ApiKey.parse({
    id,
    terms: JSON.parse(terms),
    created_at: Number(created_at),
    ...(revoked_at !== undefined && { revoked_at: Number(revoked_at) }),
    ...(rotated !== undefined && { rotated: JSON.parse(rotated) }),
  });
  const stored = { key, digest: Buffer.from(digest, 'hex') };
  return previous === undefined ? stored : { ...stored, previousDigest: Buffer.from(previous, 'hex') };
}

function hexDigestOf(secret: string): string {
  return digestOfSecret(secret).toString('hex');
}

function unknownKey(id: string): InputError {
  return new InputError(`no key "${id}" here; sluice key list shows those that there are`);
}
