import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type Evidence, type Moments, NO_EVIDENCE } from '../../src/domain/evidence.ts';
import { createEvidenceReader, readEvidence } from '../../src/store/evidence/reader.ts';
import { createFeedbackStore } from '../../src/store/feedback.ts';
import { evidenceChore } from '../../src/workers/evidence-chore.ts';
import { DECAY, PlainTable, feedbackOf, openFold, scoresIn } from '../support/feedback-steps.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { killedAt } from '../support/usage-steps.ts';

const open: Stores[] = [];
afterEach(async () => {
  for (const stores of open.splice(0)) await stores.close();
});

function newStores(): Stores {
  const stores = openStores();
  open.push(stores);
  return stores;
}

const resultTtlMs = 60_000;

const given = fc.record({
  // Few jobs, so that many scores are corrections.
  job: fc.nat(12),
  source: fc.constantFrom('ada', 'grader'),
  score: fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true })),
});

/** A job's model and task stay as they are. */
function answerOf(job: number): { jobId: string; model: string; task: string | null } {
  const models = ['small', 'large-eu', 'large-us'];
  return { jobId: `j-${job}`, model: models[job % 3] ?? '', task: job % 4 === 0 ? null : 'coding' };
}

async function give(stores: Stores, scores: readonly { job: number; source: string; score: number }[]) {
  const store = createFeedbackStore(stores.redis, stores.keys, { resultTtlMs });
  await Promise.all(
    scores.map(({ job, source, score }) => {
      const { jobId, ...answer } = answerOf(job);
      return store.give(feedbackOf(jobId, score, { ...answer, source }));
    }),
  );
}

function expectClose(found: Record<string, Moments>, wanted: Record<string, Moments>): void {
  expect(Object.keys(found).toSorted()).toEqual(Object.keys(wanted).toSorted());
  for (const [name, { n, sum, squares }] of Object.entries(wanted)) {
    expect(found[name]?.n).toBeCloseTo(n, 9);
    expect(found[name]?.sum).toBeCloseTo(sum, 9);
    expect(found[name]?.squares).toBeCloseTo(squares, 9);
  }
}

function expectTasks({ tasks = {} }: Evidence, table: PlainTable): void {
  const wanted = table.tasks();
  expect(Object.keys(tasks).toSorted()).toEqual(Object.keys(wanted).toSorted());
  for (const [task, jobs] of Object.entries(wanted)) expect(tasks[task]).toBeCloseTo(jobs, 9);
}

describe('what is learned from scores', () => {
  test('is what a plain table has of 1,000 of them, corrections and decay and all', async () => {
    const stores = newStores();
    const scores = fc.sample(
      given.map((one) => ({ ...one, job: one.job * 7 + Math.floor(one.score * 7) })),
      { numRuns: 1_000, seed: 5 },
    );
    const table = new PlainTable();
    for (const one of scores) table.give({ ...answerOf(one.job), ...one });
    await give(stores, scores);
    await openFold(stores).catchUp();
    const evidence = await readEvidence(stores.redis, stores.keys);
    expectClose(scoresIn(evidence), table.moments(DECAY));
    expectTasks(evidence, table);
    expect(evidence.version).toBeGreaterThan(1);
    expect(Object.keys(evidence.models).toSorted()).toEqual(['large', 'small']);
  });

  test('is the same whenever those who count are killed, and however many there are', async () => {
    const kills = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.constantFrom('before', 'after')), {
      maxLength: 6,
    });
    const someScores = fc.array(given, { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(someScores, kills, fc.integer({ min: 1, max: 20 }), async (scores, deaths, chunk) => {
        const stores = newStores();
        const table = new PlainTable();
        for (let start = 0; start < scores.length; start += chunk) {
          const some = scores.slice(start, start + chunk);
          for (const one of some) table.give({ ...answerOf(one.job), ...one });
          await give(stores, some);
          const consumers = deaths.map(([count, when]) =>
            openFold({ ...stores, redis: killedAt(stores.redis, count, when) }).catchUp(),
          );
          await Promise.allSettled([...consumers, openFold(stores).catchUp()]);
        }
        await openFold(stores).catchUp();
        const evidence = await readEvidence(stores.redis, stores.keys);
        expectClose(scoresIn(evidence), table.moments(DECAY));
        expectTasks(evidence, table);
      }),
      { numRuns: 25 },
    );
  });

  test('does not change by the same score given again, and has no figure of one that was corrected', async () => {
    const stores = newStores();
    const store = createFeedbackStore(stores.redis, stores.keys, { resultTtlMs });
    const fold = openFold(stores);
    const first = feedbackOf('j-1', 0.25);
    expect(await store.give(first)).toBe('counted');
    await fold.catchUp();
    const before = await readEvidence(stores.redis, stores.keys);
    expect(await store.give(first)).toBe('unchanged');
    expect(await fold.catchUp()).toBe(0);
    expect(await readEvidence(stores.redis, stores.keys)).toEqual(before);
    expect(await store.give(feedbackOf('j-1', 1))).toBe('corrected');
    await fold.catchUp();
    const after = await readEvidence(stores.redis, stores.keys);
    expect(scoresIn(after)).toEqual({ 'small simple': { n: 1, sum: 1, squares: 1 } });
    expect(after.version).toBe(before.version + 1);
    expect(after.updated_at).toBeGreaterThanOrEqual(before.updated_at);
  });

  test('forgets: a model that has become bad is soon seen as one', async () => {
    const stores = newStores();
    const fold = openFold(stores, 0.9);
    await give(
      stores,
      Array.from({ length: 200 }, (_, index) => ({ job: 3 + 12 * index, source: 'ada', score: 1 })),
    );
    await give(
      stores,
      Array.from({ length: 30 }, (_, index) => ({ job: 3 + 12 * index, source: 'bob', score: 0 })),
    );
    await fold.catchUp();
    const { 'small coding': cell } = scoresIn(await readEvidence(stores.redis, stores.keys));
    expect(cell?.n).toBeCloseTo(10, 6);
    expect((cell?.sum ?? 1) / (cell?.n ?? 1)).toBeCloseTo(0.9 ** 30, 6);
  });

  test('passes over what is no feedback, and whoever wrote it', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const add = (record: object | string): Promise<unknown> =>
      redis.xadd(keys.feedback, '*', 'record', typeof record === 'string' ? record : JSON.stringify(record));
    await add('not JSON');
    await add(feedbackOf('j-1', 2));
    await add(feedbackOf('j-2', 1, { model: 'two words' }));
    await add(feedbackOf('j-3', 1, { task: 'constructor', model: 'constructor' }));
    await redis.xadd(keys.feedback, '*', 'other', 'field');
    expect(await openFold(stores).catchUp()).toBe(5);
    const evidence = await readEvidence(redis, keys);
    expect(scoresIn(evidence)).toEqual({ 'constructor constructor': { n: 1, sum: 1, squares: 1 } });
  });
});

describe('a reader of the evidence', () => {
  test('has the same object until something changes, and keeps what did not', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const reader = createEvidenceReader(redis, keys);
    const none = reader.current();
    await reader.refresh();
    expect(reader.current()).toBe(none);
    await give(stores, [
      { job: 3, source: 'ada', score: 1 },
      { job: 1, source: 'ada', score: 0 },
    ]);
    await openFold(stores).catchUp();
    await reader.refresh();
    const first = reader.current();
    expect(scoresIn(first)).toMatchObject({ 'small coding': { sum: 1 }, 'large coding': { sum: 0 } });
    await reader.refresh();
    expect(reader.current()).toBe(first);
    await give(stores, [{ job: 4 + 3, source: 'ada', score: 0.5 }]);
    await openFold(stores).catchUp();
    await reader.refresh();
    expect(reader.current().version).toBe(first.version + 1);
    expect(reader.current().models['small']).toBe(first.models['small']);
    expect(scoresIn(reader.current())['large coding']).toMatchObject({ sum: 0.5 });
    expect(first.models['large']?.['coding']?.score?.n).toBe(1);
    await redis.del(keys.evidence, keys.evidenceVersions);
    await reader.refresh();
    expect(reader.current()).toEqual(NO_EVIDENCE);
  });
});

describe('the chore', () => {
  test('counts by deployment, and nothing once its turn is over', async () => {
    const stores = newStores();
    const config = { models: { 'large-eu': { deployment_of: 'large' } }, routing: { evidence_decay: 1 } };
    const chore = evidenceChore(stores.redis, stores.keys, config as never);
    await give(stores, [{ job: 1, source: 'ada', score: 1 }]);
    await expect(chore.run(AbortSignal.abort(new Error('the pool is stopping')))).rejects.toThrow('stopping');
    expect(await readEvidence(stores.redis, stores.keys)).toMatchObject({ version: 0 });
    await chore.run(new AbortController().signal);
    expect(scoresIn(await readEvidence(stores.redis, stores.keys))).toEqual({
      'large coding': { n: 1, sum: 1, squares: 1 },
    });
  });
});
