import { afterEach, describe, expect, test } from 'vitest';
import { type Evidence, NO_EVIDENCE } from '../../src/domain/evidence.ts';
import { readEvidence } from '../../src/store/evidence/reader.ts';
import { takeIn } from '../../src/store/evidence/take-in.ts';
import { createFeedbackStore } from '../../src/store/feedback.ts';
import { feedbackOf, meetExpectation, openFold, scoresIn } from '../support/feedback-steps.ts';
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

/** Scores so many jobs of a task, and has them counted. */
async function score(stores: Stores, task: string, count: number, source = 'ada'): Promise<void> {
  const store = createFeedbackStore(stores.redis, stores.keys, { resultTtlMs: 60_000 });
  const jobs = Array.from({ length: count }, (_, index) => feedbackOf(`${task}-${index}`, 1, { task, source }));
  await Promise.all(jobs.map((job) => store.give(job)));
  await openFold(stores).catchUp();
}

async function tasksIn({ redis, keys }: Stores): Promise<Evidence['tasks']> {
  return (await readEvidence(redis, keys)).tasks;
}

/** Of so many jobs, the last ones. */
function worthOf(count: number): number {
  return (1 - 0.9999 ** count) / (1 - 0.9999);
}

function withTasks(tasks: Record<string, number>): Evidence {
  return { ...NO_EVIDENCE, version: 1, tasks };
}

describe('the mix of tasks', () => {
  test('tells a task of many jobs from one of few, where cells have long forgotten', async () => {
    const stores = newStores();
    await score(stores, 'coding', 1_500);
    await score(stores, 'simple', 500);
    const evidence = await readEvidence(stores.redis, stores.keys);
    expect(evidence.tasks?.['coding']).toBeCloseTo(worthOf(1_500) * 0.9999 ** 500, 6);
    expect(evidence.tasks?.['simple']).toBeCloseTo(worthOf(500), 6);
    const { 'small coding': coding, 'small simple': simple } = scoresIn(evidence);
    expect((coding?.n ?? 0) / (simple?.n ?? 1)).toBeLessThan(1.05);
  });

  test('has a job once: with an expectation, and scores of others before and after', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    await meetExpectation(stores, 'coding-0', 1, { task: 'coding' });
    await openFold(stores).catchUp();
    expect(await tasksIn(stores)).toEqual({ coding: 1 });
    expect(await redis.pttl(keys.feedbackOf('coding-0'))).toBeGreaterThan(0);
    await score(stores, 'coding', 1);
    await score(stores, 'coding', 1, 'grader');
    expect(await tasksIn(stores)).toEqual({ coding: 1 });
    await score(stores, 'simple', 1);
    await meetExpectation(stores, 'simple-0', 0, { task: 'simple' });
    await openFold(stores).catchUp();
    expect(await tasksIn(stores)).toEqual({ coding: 0.9999, simple: 1 });
    expect(scoresIn(await readEvidence(redis, keys))['small coding']?.n).toBeCloseTo(1 + 0.99 + 0.99 ** 2, 9);
  });

  test('has jobs without a result, of which nothing is noted for ever', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    await meetExpectation(stores, 'coding-0', 1, { task: 'coding' });
    await redis.del(keys.result('coding-0'));
    await openFold(stores).catchUp();
    expect(await tasksIn(stores)).toEqual({ coding: 1 });
    expect(await redis.exists(keys.feedbackOf('coding-0'))).toBe(0);
  });

  test('forgets tasks that have no more jobs', async () => {
    const stores = newStores();
    await takeIn(stores.redis, stores.keys, withTasks({ retired: 1, forgotten: 1.005e-6 }), 'first');
    await score(stores, 'simple', 200);
    const tasks = await tasksIn(stores);
    expect(Object.keys(tasks ?? {}).toSorted()).toEqual(['retired', 'simple']);
    expect(tasks?.['retired']).toBeCloseTo(0.9999 ** 200, 9);
  });

  test('begins with the scores of evidence whose jobs nobody has counted', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const many = { score: { n: 300, sum: 200, squares: 150 } };
    const models = {
      small: { coding: many, '': many },
      large: { coding: many, lengths: { output_tokens: many.score } },
    };
    await takeIn(redis, keys, { ...NO_EVIDENCE, models }, 'first');
    expect(await tasksIn(stores)).toBeUndefined();
    await score(stores, 'simple', 1);
    const tasks = await tasksIn(stores);
    expect(tasks).toEqual({ coding: 600 * 0.9999, '': 300 * 0.9999, simple: 1 });
  });
});

describe('a mix of tasks that is taken in', () => {
  const mix = { coding: 1 / 3, '': 2_000.1, constructor: 0.1 + 0.2 };

  test('is what was taken out, to the last digit', async () => {
    const { redis, keys } = newStores();
    await takeIn(redis, keys, withTasks(mix), 'first');
    expect((await readEvidence(redis, keys)).tasks).toEqual(mix);
  });

  test('is added to what is there', async () => {
    const stores = newStores();
    await score(stores, 'coding', 1);
    await takeIn(stores.redis, stores.keys, withTasks({ coding: 2, simple: 3 }), 'merge');
    expect(await tasksIn(stores)).toEqual({ coding: 3, simple: 3 });
    await takeIn(stores.redis, stores.keys, { ...NO_EVIDENCE, version: 1 }, 'merge');
    expect(await tasksIn(stores)).toEqual({ coding: 3, simple: 3 });
  });

  test('takes the place of what is there; so does none', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    await score(stores, 'coding', 3);
    await takeIn(redis, keys, withTasks(mix), 'replace-newer');
    expect(await tasksIn(stores)).toEqual(mix);
    // Its jobs are not in the mix any more: scored again they are.
    await score(stores, 'coding', 1, 'grader');
    expect((await tasksIn(stores))?.['coding']).toBeCloseTo(0.9999 / 3 + 1, 9);
    await takeIn(redis, keys, NO_EVIDENCE, 'replace-newer');
    expect(await tasksIn(stores)).toBeUndefined();
  });
});
