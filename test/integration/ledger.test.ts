import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectBalanced } from '../support/books.ts';
import { type Stores, openStores } from '../support/harness.ts';
import {
  admitRequest,
  answeredAttempt,
  attemptId,
  budgetClaim,
  cachedEnding,
  completedResult,
  failedAttempt,
  historyOf,
  refusal,
  sendOut,
} from '../support/ledger-steps.ts';

const USD = 1_000_000_000;

let stores: Stores;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

describe('admitting', () => {
  test('a reservation holds the budget until the attempt is settled', async () => {
    const { ledger } = stores;
    expect(await ledger.admit(admitRequest({ job: 'a', hold: 300 }))).toEqual({ kind: 'admitted', key: 'default' });
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 0, heldNanos: 300 });
    expect(await ledger.openAttempts()).toBe(1);

    const result = await ledger.settle(answeredAttempt({ job: 'a', cost: 120 }));

    expect(result).toEqual(completedResult('a', 120, 'four'));
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 120, heldNanos: 0 });
    expect(await expectBalanced(stores)).toBe(120);
  });

  test('asking twice for one attempt reserves once', async () => {
    const { ledger } = stores;
    const request = admitRequest({ job: 'a', hold: 300, limit: 500 });
    expect(await Promise.all([ledger.admit(request), ledger.admit(request)])).toEqual([
      { kind: 'admitted', key: 'default' },
      { kind: 'admitted', key: 'default' },
    ]);
    expect(await ledger.admit(request)).toEqual({ kind: 'admitted', key: 'default' });
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 0, heldNanos: 300 });
  });

  test('asking again is answered the same although the cache was filled or the batch cancelled in between', async () => {
    const { ledger, batches } = stores;
    await batches.register({ id: 'b', digest: 'd', total: 2, lane: 'batch', submittedAt: 1 });
    const request = admitRequest({ job: 'a', hold: 300, batch: 'b', cacheKey: 'k' });
    await ledger.admit(request);
    await batches.markCancelled('b');
    await sendOut(ledger, { job: 'other', hold: 1 });
    await ledger.settle(answeredAttempt({ job: 'other', cost: 1, cacheKey: 'k' }));

    expect(await ledger.admit(request)).toEqual({ kind: 'admitted', key: 'default' });

    await ledger.settle(answeredAttempt({ job: 'a', cost: 5, batch: 'b' }));
    await expectBalanced(stores);
  });

  test('a reservation that fills the limit to the last nano-dollar is admitted, one above it is denied', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', hold: 400, limit: 1_000 });
    await ledger.settle(answeredAttempt({ job: 'a', cost: 400 }));
    await sendOut(ledger, { job: 'b', hold: 250, limit: 1_000 });

    expect(await ledger.admit(admitRequest({ job: 'c', hold: 351, limit: 1_000 }))).toEqual({
      kind: 'denied',
      budget: budgetClaim({ limitNanos: 1_000 }),
      spentNanos: 400,
      heldNanos: 250,
      limitNanos: 1_000,
    });
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 400, heldNanos: 250 });
    expect(await ledger.admit(admitRequest({ job: 'c', hold: 350, limit: 1_000 }))).toEqual({
      kind: 'admitted',
      key: 'default',
    });
    expect(await ledger.admit(admitRequest({ job: 'd', hold: 0, limit: 1_000 }))).toEqual({
      kind: 'admitted',
      key: 'default',
    });
    expect(await ledger.admit(admitRequest({ job: 'e', hold: 1, limit: 1_000 }))).toMatchObject({ kind: 'denied' });
  });

  test('a denial by one of two budgets reserves nothing in the other', async () => {
    const { ledger } = stores;
    const budgets = [
      budgetClaim({ purse: 'wide', limitNanos: 1_000 }),
      budgetClaim({ purse: 'narrow', limitNanos: 10 }),
    ];
    const denied = await ledger.admit({ ...admitRequest({ job: 'a', hold: 11 }), budgets });
    expect(denied).toMatchObject({ kind: 'denied', budget: { name: 'narrow' } });
    expect(await ledger.budget('wide', 'total')).toEqual({ spentNanos: 0, heldNanos: 0 });
    expect(await ledger.openAttempts()).toBe(0);
  });

  test('1,000 attempts at once never reserve more than the budget: exactly those that fit are admitted', async () => {
    const { ledger } = stores;
    const hold = 7_000_000;
    const fitting = Math.floor((5 * USD) / hold);
    const admissions = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        ledger.admit(admitRequest({ job: `job-${index}`, hold, limit: 5 * USD })),
      ),
    );
    expect(admissions.filter((admission) => admission.kind === 'admitted')).toHaveLength(fitting);
    expect(admissions.filter((admission) => admission.kind === 'denied')).toHaveLength(1_000 - fitting);
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 0, heldNanos: fitting * hold });
    expect(await ledger.openAttempts()).toBe(fitting);

    const admitted = admissions.flatMap((admission, index) => (admission.kind === 'admitted' ? [index] : []));
    await Promise.all(
      admitted.map((index) => ledger.settle(answeredAttempt({ job: `job-${index}`, cost: hold - index }))),
    );
    await expectBalanced(stores);
  });

  test('a job that has ended is not admitted again', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', hold: 300 });
    await ledger.settle(answeredAttempt({ job: 'a', cost: 120 }));
    expect(await ledger.admit(admitRequest({ job: 'a', start: 2, hold: 300 }))).toEqual({
      kind: 'done',
      result: completedResult('a', 120, 'four'),
    });
    await expectBalanced(stores);
  });

  test('a row of a cancelled batch is not admitted', async () => {
    const { ledger, batches } = stores;
    await batches.register({ id: 'b', digest: 'd', total: 2, lane: 'batch', submittedAt: 1 });
    await batches.markCancelled('b');
    expect(await ledger.admit(admitRequest({ job: 'a', hold: 300, batch: 'b' }))).toEqual({ kind: 'cancelled' });
    expect(await ledger.admit(admitRequest({ job: 'c', hold: 300, batch: 'other' }))).toEqual({
      kind: 'admitted',
      key: 'default',
    });
    expect(await ledger.openAttempts()).toBe(1);
  });

  test('a newer attempt of a job replaces one that was left open: that one is written off, not forgotten', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', start: 1, hold: 300 });
    await sendOut(ledger, { job: 'a', start: 2, hold: 500 });
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 300, heldNanos: 500 });

    await ledger.settle(failedAttempt({ job: 'a', start: 1, cost: 0 }));
    await ledger.settle(answeredAttempt({ job: 'a', start: 2, cost: 450 }));
    expect(await expectBalanced(stores)).toBe(450);
  });

  test('an overtaken worker is told so, and cannot disturb the attempt that runs', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', start: 2, hold: 500 });
    expect(await ledger.admit(admitRequest({ job: 'a', start: 1, hold: 300 }))).toEqual({ kind: 'superseded' });
    expect((await ledger.history('a', attemptId({ job: 'a', start: 1 }))).trail).toEqual([]);

    await ledger.settle(answeredAttempt({ job: 'a', start: 2, cost: 450 }));

    expect(await expectBalanced(stores)).toBe(450);
    expect(await stores.usage()).toMatchObject([{ attempt_id: 'a:2', outcome: 'completed' }]);
  });
});

describe('settling', () => {
  test('a repeated settle changes nothing', async () => {
    const { ledger, batches } = stores;
    await batches.register({ id: 'b', digest: 'd', total: 2, lane: 'batch', submittedAt: 1 });
    await sendOut(ledger, { job: 'a', hold: 300, batch: 'b' });
    const request = answeredAttempt({ job: 'a', cost: 120, batch: 'b' });
    await ledger.settle(request);
    const before = [await batches.status('b'), await stores.usage(), await stores.money()];

    expect(await ledger.settle(request)).toEqual(completedResult('a', 120, 'four'));
    expect(await Promise.all([ledger.settle(request), ledger.settle(request)])).toHaveLength(2);

    expect([await batches.status('b'), await stores.usage(), await stores.money()]).toEqual(before);
  });

  test('a repeated settle of a failed attempt adds neither a record nor a line to the history', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', hold: 300 });
    await ledger.settle(failedAttempt({ job: 'a', cost: 10 }));
    await ledger.settle(failedAttempt({ job: 'a', cost: 10 }));
    expect((await historyOf(ledger, 'a')).trail).toHaveLength(1);
    expect(await expectBalanced(stores)).toBe(10);
  });

  test('the first ending of a job stands, and the second is told so', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', hold: 300 });
    await ledger.settle(answeredAttempt({ job: 'a', cost: 120 }));
    expect(await ledger.settle(refusal({ job: 'a' }))).toEqual(completedResult('a', 120, 'four'));
    expect(await ledger.settle(cachedEnding({ job: 'a' }))).toEqual(completedResult('a', 120, 'four'));
    expect(await ledger.results(['a', 'unknown'])).toEqual([completedResult('a', 120, 'four'), undefined]);
    expect(await stores.usage()).toHaveLength(1);
  });

  test('two workers that answer the same job both pay, and the first answer stands', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', start: 1, hold: 300 });
    await historyOf(ledger, 'a');
    await sendOut(ledger, { job: 'a', start: 2, hold: 300 });
    const [first, second] = await Promise.all([
      ledger.settle(answeredAttempt({ job: 'a', start: 2, cost: 100, content: 'first' })),
      ledger.settle(answeredAttempt({ job: 'a', start: 1, cost: 90, content: 'second' })),
    ]);
    expect(first).toEqual(completedResult('a', 100, 'first'));
    expect(second).toEqual(completedResult('a', 100, 'first'));
    expect(await expectBalanced(stores)).toBe(190);
  });

  test('the end of a job is announced once, on its own channel', async () => {
    const { ledger, keys, redis } = stores;
    const subscriber = redis.duplicate();
    const heard: string[] = [];
    subscriber.on('message', (channel) => heard.push(channel));
    await subscriber.subscribe(keys.done('a'), keys.done('marker'));
    await ledger.settle(refusal({ job: 'a' }));
    await ledger.settle(refusal({ job: 'a' }));
    const { promise, resolve } = Promise.withResolvers<void>();
    subscriber.on('message', (channel) => channel === keys.done('marker') && resolve());
    await ledger.settle(refusal({ job: 'marker' }));
    await promise;
    subscriber.disconnect();
    expect(heard).toEqual([keys.done('a'), keys.done('marker')]);
  });

  test('prompt-like texts with line breaks and quotes survive in records and results', async () => {
    const { ledger } = stores;
    const content = 'line one\nline two\r\n"quoted" \u0000 \u2028 €';
    const admit = admitRequest({ job: 'a', hold: 300 });
    await ledger.admit({
      ...admit,
      writeOff: { ...admit.writeOff, record: { ...admit.writeOff.record, row_id: content } },
    });
    await ledger.markSent('a', 'a:1');
    await historyOf(ledger, 'a');
    expect((await stores.usage())[0]?.row_id).toBe(content);
    await sendOut(ledger, { job: 'b', hold: 300 });
    expect(await ledger.settle(answeredAttempt({ job: 'b', cost: 1, content }))).toMatchObject({
      completion: { content },
    });
    expect(await ledger.results(['b'])).toMatchObject([{ completion: { content } }]);
  });
});
