import { describe, expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { PromptJob } from '../../src/domain/job.ts';
import { ApiError } from '../../src/gateway/api-error.ts';
import type { Caller } from '../../src/gateway/caller.ts';
import { type AskedFor, apiKeyOf, permit } from '../../src/gateway/permissions.ts';

const model = { provider: 'p', id: 'x', price: { input: 1, output: 1 } };
const config = Config.parse({
  providers: { p: { base_url: 'https://example.com/v1' } },
  models: { small: model, large: model, fourth: model, vectors: { ...model, capabilities: ['embeddings'] } },
  tasks: {
    coding: { models: ['large', 'small'] },
    three: { models: ['large', 'small', 'fourth'] },
    nightly: { lane: 'batch' },
  },
});

const caller = (may: Pick<Caller, 'models' | 'lanes'>): Caller => ({ account: 'a', ...may });

function permitted(may: Pick<Caller, 'models' | 'lanes'>, asked: Partial<AskedFor> = {}): unknown {
  try {
    return permit(caller(may), { isEmbedding: false, ...asked }, config);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return `${error.status} ${error.code}: ${error.message}`;
  }
}

describe('the models of a key', () => {
  test('are all where it says nothing', () => {
    expect(permitted({})).toEqual({});
    expect(permitted({}, { models: ['large'] })).toEqual({});
  });

  test('may be named, and no others', () => {
    expect(permitted({ models: ['small', 'large'] }, { models: ['large'] })).toEqual({});
    expect(permitted({ models: ['small'] }, { models: ['small', 'large'] })).toBe(
      '403 model_not_allowed: this key may not use model "large"; it may use small',
    );
  });

  test('are what the router chooses from: those that chat for a chat, those that embed for an embedding', () => {
    const models = ['vectors', 'small'];
    expect(permitted({ models })).toEqual({ models: ['small'] });
    // That is the only one that embeds.
    expect(permitted({ models }, { isEmbedding: true })).toEqual({});
    expect(permitted({ models: ['small'] }, { isEmbedding: true })).toBe(
      '403 model_not_allowed: none of the models that this key may use embeds; it may use small',
    );
  });

  test('of a task are those of both, in the order of the task', () => {
    const models = ['small', 'large', 'vectors'];
    expect(permitted({ models }, { task: 'three' })).toEqual({ models: ['large', 'small'] });
    expect(permitted({ models }, { task: 'coding' })).toEqual({});
    expect(permitted({ models: ['vectors'] }, { task: 'coding' })).toMatch(/^403 model_not_allowed: .*task "coding"/);
  });

  test('are not listed where they are all that there are, however many', () => {
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`model-${index}`, model]));
    const large = Config.parse({ providers: { p: { base_url: 'https://example.com/v1' } }, models: many });
    const models = Object.keys(many);
    expect(permit(caller({ models }), { isEmbedding: false }, large)).toEqual({});
    const asked = { prompt: 'x', ...permit(caller({ models: models.slice(1) }), { isEmbedding: false }, large) };
    expect(asked.models).toHaveLength(119);
    expect(PromptJob.safeParse(asked).success).toBe(true);
  });

  test('leave out those that are not configured any more', () => {
    expect(permitted({ models: ['gone', 'small', 'toString'] })).toEqual({ models: ['small'] });
    expect(permitted({ models: ['gone'] })).toMatch(/^403 model_not_allowed/);
  });
});

describe('the lanes of a key', () => {
  test.each<[string, string[], Partial<AskedFor>, unknown]>([
    ['the usual one, where it is allowed', ['batch', 'interactive'], {}, { lane: 'interactive' }],
    ['the first that is allowed', ['gone', 'batch'], {}, { lane: 'batch' }],
    ['that of the task', ['interactive', 'batch'], { task: 'nightly' }, { lane: 'batch' }],
    ['not that of the task, if it is not allowed', ['interactive'], { task: 'nightly' }, { lane: 'interactive' }],
    ['the one that is named', ['interactive', 'batch'], { lane: 'batch' }, { lane: 'batch' }],
  ])('%s', (_, lanes, asked, fields) => {
    expect(permitted({ lanes }, asked)).toEqual(fields);
  });

  test('are the only ones that may be named', () => {
    expect(permitted({ lanes: ['batch'] }, { lane: 'interactive' })).toBe(
      '403 lane_not_allowed: this key may not use lane "interactive"; it may use batch',
    );
    expect(permitted({ lanes: ['gone'] })).toMatch(/^403 lane_not_allowed/);
  });
});

test('jobs carry the id of the key and what it may spend', () => {
  expect(apiKeyOf({ account: 'a' })).toBeUndefined();
  const key = { id: 'k', name: 'n', limits: {}, budgetUsd: 5, budgetWindow: 'day' as const };
  expect(apiKeyOf({ account: 'a', key })).toEqual({ id: 'k', budget_usd: 5, budget_window: 'day' });
});
