import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClaims } from '../../src/store/claims.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { refusal } from '../support/ledger-steps.ts';

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

test('a claim expires, but after the result of its job', async () => {
  const { redis, keys, ledger } = stores;
  const claim = createClaims(redis, keys, { ttlMs: 60_000 });
  await claim('j-1', 'content');
  expect(await redis.pttl(keys.claim('j-1'))).toBeGreaterThan(60_000);

  await redis.pexpire(keys.claim('j-1'), 5_000);
  await ledger.settle(refusal({ job: 'j-1' }));
  expect(await redis.pttl(keys.claim('j-1'))).toBeGreaterThan(await redis.pttl(keys.result('j-1')));
});

test('a claim is renewed by the same content, and by no other', async () => {
  const { redis, keys } = stores;
  const claim = createClaims(redis, keys, { ttlMs: 60_000 });
  await claim('j-1', 'content');
  await redis.pexpire(keys.claim('j-1'), 5_000);
  await claim('j-1', 'other content');
  expect(await redis.pttl(keys.claim('j-1'))).toBeLessThanOrEqual(5_000);
  await claim('j-1', 'content');
  expect(await redis.pttl(keys.claim('j-1'))).toBeGreaterThan(60_000);
});
