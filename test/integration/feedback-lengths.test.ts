import { afterEach, describe, expect, test } from 'vitest';
import type { Evidence } from '../../src/domain/evidence.ts';
import { createEvidenceReader, readEvidence } from '../../src/store/evidence/reader.ts';
import { createFeedbackStore } from '../../src/store/feedback.ts';
import { feedbackOf, openFold } from '../support/feedback-steps.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { usageRecord } from '../support/ledger-steps.ts';
import { writeEntries } from '../support/usage-steps.ts';

const open: Stores[] = [];
afterEach(async () => {
  for (const stores of open.splice(0)) await stores.close();
});

function newStores(): Stores {
  const stores = openStores();
  open.push(stores);
  return stores;
}

describe('the lengths of prompts and answers', () => {
  test('are learned from calls whose tokens the provider has counted', async () => {
    const stores = newStores();
    const record = usageRecord({ job: 'a' }, 'completed', 5);
    const records = [
      { ...record, input_tokens: 100, output_tokens: 40, task: 'coding' },
      { ...record, input_tokens: 300, output_tokens: 60, task: 'coding', model: 'large-eu' },
      { ...record, input_tokens: 200, output_tokens: 20, task: 'coding', model: 'large-us' },
      { ...record, output_tokens: 999, task: 'coding', estimated: true, estimated_input_tokens: 10 },
      { ...record, outcome: 'failed' as const, output_tokens: 999 },
      { ...record, outcome: 'cached' as const, output_tokens: 999 },
      { ...record, outcome: 'correction' as const, output_tokens: 999 },
    ];
    await writeEntries(
      stores,
      records.map((each, index) => ({ id: `1-${index + 1}`, record: each })),
    );
    await openFold(stores, 1).catchUp();
    expect(await openFold(stores, 1).catchUp()).toBe(0);
    const { models } = await readEvidence(stores.redis, stores.keys);
    expect(models).toEqual({
      small: {
        coding: {
          input_tokens: { n: 1, sum: 100, squares: 10_000 },
          output_tokens: { n: 1, sum: 40, squares: 1_600 },
        },
      },
      large: {
        coding: {
          input_tokens: { n: 2, sum: 500, squares: 130_000 },
          output_tokens: { n: 2, sum: 80, squares: 4_000 },
        },
      },
    });
  });

  test('are compared with what was estimated of the prompt, where that is known', async () => {
    const stores = newStores();
    const record = { ...usageRecord({ job: 'a' }, 'completed', 5), task: 'coding' };
    const compared = [
      [150, 100],
      [50, 100],
      // Beyond what is believed.
      [9_000, 10],
      [1, 1_000],
      // Nothing to compare with.
      [70, 0],
      [70, undefined],
    ] as const;
    await writeEntries(
      stores,
      compared.map(([counted, estimate], index) => ({
        id: `1-${index + 1}`,
        record: {
          ...record,
          input_tokens: counted,
          ...(estimate === undefined ? {} : { estimated_input_tokens: estimate }),
        },
      })),
    );
    await openFold(stores, 1).catchUp();
    const { models, tasks } = await readEvidence(stores.redis, stores.keys);
    const cell = models['small']?.['coding'];
    expect(cell?.input_ratio?.n).toBe(4);
    expect(cell?.input_ratio?.sum).toBeCloseTo(1.5 + 0.5 + 20 + 0.1, 9);
    expect(cell?.input_tokens?.n).toBe(6);
    expect(tasks).toBeUndefined();
  });
});

describe('a reader of the evidence', () => {
  test('has the same scores as before when only lengths have changed, and the other way round', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const reader = createEvidenceReader(redis, keys);
    const endCall = async (): Promise<void> => {
      const { length } = await redis.xrange(keys.usage, '-', '+');
      const record = { ...usageRecord({ job: 'a' }, 'completed', 5), task: 'coding' };
      await writeEntries(stores, [{ id: `1-${length + 1}`, record }]);
    };
    const learn = async (): Promise<Evidence> => {
      await openFold(stores).catchUp();
      await reader.refresh();
      return reader.current();
    };
    const store = createFeedbackStore(redis, keys, { resultTtlMs: 60_000 });
    await store.give(feedbackOf('j-1', 1, { task: 'coding' }));
    await store.give(feedbackOf('j-2', 0.3, { task: null }));
    await endCall();
    const first = await learn();
    await endCall();
    const longer = await learn();
    const [cells, cellsLater] = [first.models['small'], longer.models['small']];
    expect(longer.version).toBe(first.version + 1);
    expect(cellsLater?.['coding']?.output_tokens).not.toEqual(cells?.['coding']?.output_tokens);
    expect(cellsLater?.['coding']?.score).toBeDefined();
    expect(cellsLater?.['coding']?.score).toBe(cells?.['coding']?.score);
    expect(cellsLater?.['']).toBe(cells?.['']);
    expect(longer.tasks).toBeDefined();
    expect(longer.tasks).toBe(first.tasks);
    await store.give(feedbackOf('j-2', 0.4, { task: null }));
    const corrected = await learn();
    expect(corrected.models['small']?.['coding']).toBe(cellsLater?.['coding']);
    expect(corrected.models['small']?.['']?.score).not.toEqual(cellsLater?.['']?.score);
    expect(corrected.tasks).toBe(first.tasks);
    await store.give(feedbackOf('j-3', 0.4, { task: null }));
    expect((await learn()).tasks).not.toEqual(first.tasks);
    // What somebody holds is never changed in place.
    expect(first.models['small']?.['']?.score?.sum).toBeCloseTo(0.3, 9);
  });
});
