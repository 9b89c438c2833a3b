import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClaims } from '../../src/store/claims.ts';
import { type Stores, openStores } from '../support/harness.ts';

let stores: Stores;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

test('an id is claimed by its first content, again by the same, and by no other', async () => {
  const claim = createClaims(stores.redis, stores.keys, { ttlMs: 60_000 });
  expect(await claim('j-1', 'content')).toBe(true);
  expect(await claim('j-1', 'content')).toBe(true);
  expect(await claim('j-1', 'other content')).toBe(false);
  expect(await claim('j-2', 'other content')).toBe(true);
});

test('of 500 claims of one id at once, each with other content, one holds', async () => {
  const claim = createClaims(stores.redis, stores.keys, { ttlMs: 60_000 });
  const claims = await Promise.all(Array.from({ length: 500 }, (_, index) => claim('j-1', `content ${index}`)));
  expect(claims.filter(Boolean)).toHaveLength(1);
});

test('a claim expires', async () => {
  const claim = createClaims(stores.redis, stores.keys, { ttlMs: 60_000 });
  await claim('j-1', 'content');
  const ttlMs = await stores.redis.pttl(stores.keys.claim('j-1'));
  expect(ttlMs).toBeGreaterThan(50_000);
  expect(ttlMs).toBeLessThanOrEqual(60_000);
});
