import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiKeyTerms, digestOfSecret, isSecretOf } from '../../src/domain/api-key.ts';
import { API_KEY_KEPT_MS, createApiKeyReader } from '../../src/store/api-key-reader.ts';
import { type ApiKeyStore, createApiKeyStore, readApiKey } from '../../src/store/api-keys.ts';
import { type Stores, openStores } from '../support/harness.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const HOUR_MS = 3_600_000;
const terms = ApiKeyTerms.parse({ name: 'shop', models: ['small'], budget_usd: 5, budget_window: 'day' });

let stores: Stores;
let store: ApiKeyStore;
let now: number;

beforeEach(() => {
  now = NOW;
  stores = openStores();
  store = createApiKeyStore(stores.redis, stores.keys, () => now);
});
afterEach(() => stores.close());

async function opens(secret: string, id: string, at = now): Promise<boolean> {
  return isSecretOf(secret, await readApiKey(stores.redis, stores.keys, id), at);
}

describe('a key', () => {
  test('is found by its id, with all that it may do; of its secret no more than a digest is kept', async () => {
    const { key, secret } = await store.create(terms);
    expect(await store.get(key.id)).toEqual({ id: key.id, terms, created_at: NOW });
    expect(await opens(secret, key.id)).toBe(true);
    const kept = JSON.stringify(await stores.redis.hgetall(stores.keys.apiKey(key.id)));
    expect(kept).toContain(digestOfSecret(secret).toString('hex'));
    expect(kept).not.toContain(secret.slice(-43));
  });

  test('that is revoked stays in the list', async () => {
    const { key: first } = await store.create(terms);
    now += 1;
    const { key: second } = await store.create(terms);
    now += 1;
    expect(await store.revoke(first.id)).toMatchObject({ revoked_at: NOW + 2 });
    now += 1;
    expect(await store.revoke(first.id)).toMatchObject({ revoked_at: NOW + 2 });
    expect(await store.list()).toEqual([{ ...first, revoked_at: NOW + 2 }, second]);
    await expect(store.rotate(first.id, 0)).rejects.toThrow(`key ${first.id} is revoked for good; create another one`);
  });

  test('that is not there is told of in one line', async () => {
    const line = 'no key "000000000001" here; sluice key list shows those that there are';
    for (const change of [store.rotate, store.revoke, store.update]) {
      await expect(change('000000000001', 0 as never)).rejects.toThrow(line);
    }
    expect(await store.list()).toEqual([]);
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([]);
  });

  test('is changed by two at once, and both changes count', async () => {
    const { key } = await store.create(terms);
    await Promise.all([
      store.update(key.id, (before) => ({ ...before, requests_per_minute: 60 })),
      store.update(key.id, (before) => ({ ...before, account: 'other' })),
    ]);
    expect((await store.get(key.id))?.terms).toEqual({ ...terms, requests_per_minute: 60, account: 'other' });
  });
});

describe('a rotated key', () => {
  test('has a new secret, and the old one ends at once', async () => {
    const { key, secret: old } = await store.create(terms);
    const { secret, key: rotated } = await store.rotate(key.id, 0);
    expect(rotated).toEqual({ ...key, rotated: { at: NOW, previous_until: NOW } });
    expect([await opens(old, key.id), await opens(secret, key.id)]).toEqual([false, true]);
  });

  test('takes the old secret in its grace, and of several the last one alone', async () => {
    const { key, secret: first } = await store.create(terms);
    const { secret: second } = await store.rotate(key.id, HOUR_MS);
    const openAt = (at: number): Promise<boolean[]> =>
      Promise.all([first, second].map((secret) => opens(secret, key.id, at)));
    expect(await openAt(NOW + HOUR_MS - 1)).toEqual([true, true]);
    expect(await openAt(NOW + HOUR_MS)).toEqual([false, true]);
    const { secret: third } = await store.rotate(key.id, HOUR_MS);
    expect(await openAt(NOW)).toEqual([false, true]);
    await store.rotate(key.id, 0);
    expect(await opens(third, key.id)).toBe(false);
  });
});

describe('the reader', () => {
  test('asks Redis once a second for a key, and obeys a change by then', async () => {
    let clockMs = 0;
    const { key } = await store.create(terms);
    const reader = createApiKeyReader(stores.redis, stores.keys, () => clockMs);
    const read = vi.spyOn(stores.redis, 'hgetall');
    const revokedAt = async (): Promise<number | undefined> => (await reader.find(key.id))?.key.revoked_at;
    await Promise.all([revokedAt(), revokedAt(), revokedAt()]);
    expect(read).toHaveBeenCalledTimes(1);
    await store.revoke(key.id);
    read.mockClear();
    clockMs = API_KEY_KEPT_MS - 1;
    expect(await revokedAt()).toBeUndefined();
    expect(read).not.toHaveBeenCalled();
    clockMs = API_KEY_KEPT_MS;
    expect(await revokedAt()).toBe(NOW);
    expect(API_KEY_KEPT_MS).toBeLessThanOrEqual(2_000);
  });

  test('remembers that an id is of no key, and forgets a reading that failed', async () => {
    const reader = createApiKeyReader(stores.redis, stores.keys, () => 0);
    const read = vi.spyOn(stores.redis, 'hgetall');
    expect(await reader.find('000000000001')).toBeUndefined();
    expect(await reader.find('000000000001')).toBeUndefined();
    expect(read).toHaveBeenCalledTimes(1);
    const { key } = await store.create(terms);
    read.mockRejectedValueOnce(new Error('gone'));
    await expect(reader.find(key.id)).rejects.toThrow('gone');
    expect((await reader.find(key.id))?.key).toEqual(key);
  });

  test('does not let in a key with terms that it does not understand', async () => {
    const { key } = await store.create(terms);
    await stores.redis.hset(stores.keys.apiKey(key.id), 'terms', JSON.stringify({ ...terms, only_on_sundays: true }));
    await expect(createApiKeyReader(stores.redis, stores.keys).find(key.id)).rejects.toThrow();
  });
});
