import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { announceCancellation } from '../../src/store/cancellations.ts';
import { createLedger } from '../../src/store/ledger.ts';
import { expectBalanced } from '../support/books.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { answeredAttempt, sendOut } from '../support/ledger-steps.ts';

/** A user of Redis who may not publish: since version 7, that is what one is unless channels are given to it. */
const user = { username: `u${randomBytes(6).toString('hex')}`, password: 'x' };

let stores: Stores;
let restricted: Redis;
beforeEach(async () => {
  stores = openStores();
  await stores.redis.call('ACL', 'SETUSER', user.username, 'on', `>${user.password}`, '~*', '+@all', 'resetchannels');
  restricted = stores.redis.duplicate(user);
});
afterEach(async () => {
  restricted.disconnect();
  await stores.redis.call('ACL', 'DELUSER', user.username);
  await stores.close();
});

test('who may not announce the end of a job settles it all the same, whole', async () => {
  const ledger = createLedger(restricted, stores.keys, { resultTtlMs: 60_000 });
  await sendOut(ledger, { job: 'a', hold: 100 });
  const settled = answeredAttempt({ job: 'a', cost: 30 });
  expect(await ledger.settle(settled)).toEqual(settled.result);
  expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 30, heldNanos: 0 });
  await expectBalanced(stores);
});

test('who may not announce a cancellation leaves it to the mark at the batch', async () => {
  await expect(announceCancellation(restricted, stores.keys, { batchId: 'b' })).resolves.toBeUndefined();
});
