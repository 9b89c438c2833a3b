import { afterEach, describe, expect, test } from 'vitest';
import type { Evidence } from '../../src/domain/evidence.ts';
import { createEvidenceReader, readEvidence } from '../../src/store/evidence/reader.ts';
import { takeIn } from '../../src/store/evidence/take-in.ts';
import { createFeedbackStream } from '../../src/store/feedback-stream.ts';
import { createFeedbackStore } from '../../src/store/feedback.ts';
import { feedbackOf, openFold, scoresIn } from '../support/feedback-steps.ts';
import { type Stores, openStores } from '../support/harness.ts';

const open: Stores[] = [];
afterEach(async () => {
  for (const stores of open.splice(0)) await stores.close();
});

function newStores(): Stores {
  const stores = openStores();
  open.push(stores);
  return stores;
}

async function give(stores: Stores, ...feedback: ReturnType<typeof feedbackOf>[]): Promise<void> {
  const store = createFeedbackStore(stores.redis, stores.keys, { resultTtlMs: 60_000 });
  for (const each of feedback) await store.give(each);
  await openFold(stores, 0.9).catchUp();
}

const evidence: Evidence = {
  v: 1,
  version: 40,
  updated_at: 1_800_000_000_000,
  models: {
    small: {
      '': { score: { n: 1 / 3, sum: 0.1 + 0.2, squares: 0.1 } },
      coding: { output_tokens: { n: 2, sum: 300, squares: 50_000 } },
    },
    large: { simple: { score: { n: 500.123456789, sum: 1e-17, squares: 1e-300 } } },
  },
};

describe('evidence that is taken in', () => {
  test('is what was taken out, to the last digit, and of a later version', async () => {
    const { redis, keys } = newStores();
    expect(await takeIn(redis, keys, evidence, 'first')).toEqual({ outcome: 'taken', version: 41 });
    const taken = await readEvidence(redis, keys);
    expect(taken).toEqual({ ...evidence, version: 41, updated_at: taken.updated_at });
    const elsewhere = newStores();
    expect(await takeIn(elsewhere.redis, elsewhere.keys, taken, 'replace')).toMatchObject({ version: 42 });
    expect((await readEvidence(elsewhere.redis, elsewhere.keys)).models).toEqual(evidence.models);
  });

  test('takes the place of all that is there, if that is not of a later version', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    await give(stores, feedbackOf('j-1', 1, { model: 'other' }));
    expect(await takeIn(redis, keys, evidence, 'first')).toEqual({ outcome: 'known', version: 1 });
    const reader = createEvidenceReader(redis, keys);
    await reader.refresh();
    expect(Object.keys(reader.current().models)).toEqual(['other']);
    expect(await takeIn(redis, keys, evidence, 'replace')).toMatchObject({ outcome: 'taken' });
    await reader.refresh();
    expect(reader.current().models).toEqual(evidence.models);
    const older = { ...evidence, version: 40, models: {} };
    expect(await takeIn(redis, keys, older, 'replace')).toEqual({ outcome: 'newer', version: 41 });
    expect((await readEvidence(redis, keys)).models).toEqual(evidence.models);
    expect(await takeIn(redis, keys, older, 'replace-newer')).toEqual({ outcome: 'taken', version: 42 });
    await reader.refresh();
    expect(reader.current()).toMatchObject({ version: 42, models: {} });
  });

  test('is added to what is there, and learned on from', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    await give(stores, feedbackOf('j-1', 1), feedbackOf('j-2', 0.5));
    const more: Evidence = { ...evidence, models: { small: { simple: { score: { n: 10, sum: 5, squares: 4 } } } } };
    expect(await takeIn(redis, keys, more, 'merge')).toEqual({ outcome: 'taken', version: 2 });
    const merged = scoresIn(await readEvidence(redis, keys))['small simple'];
    expect(merged?.n).toBeCloseTo(1.9 + 10, 9);
    expect(merged?.sum).toBeCloseTo(1.4 + 5, 9);
    // The first of two scores, which the second has made count for less.
    await give(stores, feedbackOf('j-1', 0));
    expect(scoresIn(await readEvidence(redis, keys))['small simple']?.sum).toBeCloseTo(0.5 + 5, 9);
  });

  test('has a correction count as a new score when what it corrects was replaced', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    await give(stores, feedbackOf('j-1', 1));
    const other: Evidence = {
      ...evidence,
      models: { small: { simple: { score: { n: 1, sum: 0.5, squares: 0.25 } } } },
    };
    await takeIn(redis, keys, other, 'replace');
    await give(stores, feedbackOf('j-1', 0));
    expect(scoresIn(await readEvidence(redis, keys))).toEqual({
      'small simple': { n: 1.9, sum: 0.45, squares: 0.225 },
    });
    await give(stores, feedbackOf('j-1', 1));
    expect(scoresIn(await readEvidence(redis, keys))['small simple']).toMatchObject({ n: 1.9, sum: 1.45 });
  });
});

describe('the feedback stream', () => {
  const scores = Array.from({ length: 30 }, (_, index) => feedbackOf(`j-${index}`, index / 30));

  test('says what was given, by whom and when', async () => {
    const stores = newStores();
    const before = Date.now();
    const more = { variant: 'b', user: 'ann', source: 'ada', comment: 'too long' };
    await give(stores, feedbackOf('j-1', 0.25, more), feedbackOf('j-1', 0.75, more));
    const pages: unknown[] = [];
    for await (const page of createFeedbackStream(stores.redis, stores.keys).read()) pages.push(...page);
    const entry = { feedback: { ...feedbackOf('j-1', 0.25, more), at: expect.any(Number) as number } };
    expect(pages).toMatchObject([entry, { feedback: { ...entry.feedback, score: 0.75, previous: 0.25 } }]);
    expect(Math.abs((pages[0] as { feedback: { at: number } }).feedback.at - before)).toBeLessThan(5_000);
  });

  test('keeps the newest entries, and all that a reader has not counted', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const stream = createFeedbackStream(redis, keys);
    const store = createFeedbackStore(redis, keys, { resultTtlMs: 60_000 });
    for (const each of scores) await store.give(each);
    expect(await stream.trim({ kept: 10 })).toBe(0);
    const ids = (await redis.xrange(keys.feedback, '-', '+')).map(([id]) => id);
    await redis.hset(keys.feedbackReaders, 'other', ids[4] ?? '');
    await openFold(stores).catchUp();
    expect(await stream.trim({ kept: 10 })).toBe(5);
    expect(await redis.xlen(keys.feedback)).toBe(25);
    await redis.hset(keys.feedbackReaders, 'other', ids[29] ?? '');
    expect(await stream.trim({ kept: 10 })).toBe(15);
    expect(await stream.trim({ kept: 10 })).toBe(0);
    expect((await redis.xrange(keys.feedback, '-', '+')).map(([id]) => id)).toEqual(ids.slice(20));
  });

  test('is forgotten with the result: what was given of a job has an end', async () => {
    const stores = newStores();
    await give(stores, feedbackOf('j-1', 1));
    expect(await stores.redis.pttl(stores.keys.feedbackOf('j-1'))).toBeGreaterThan(60_000);
    // A place that is noted after that does not bring it back for ever.
    await give(stores);
    await stores.redis.del(stores.keys.feedbackOf('j-1'));
    await stores.redis.hdel(stores.keys.feedbackReaders, 'evidence');
    await give(stores);
    expect(await stores.redis.exists(stores.keys.feedbackOf('j-1'))).toBe(0);
  });
});
