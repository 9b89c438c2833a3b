import { describe, expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import type { Asked } from '../../src/gateway/face.ts';
import { resolveModel } from '../../src/gateway/model-names.ts';
import { jobOf } from '../../src/gateway/wishes.ts';

const provider = { base_url: 'https://api.example.com/v1' };
const config = Config.parse({
  providers: { alpha: provider, beta: provider },
  models: {
    small: { provider: 'alpha', id: 'vendor/small-2026', price: { input: 1, output: 2 } },
    large: { provider: 'beta', id: 'vendor/large', price: { input: 10, output: 20 } },
    'large-eu': { provider: 'alpha', id: 'large-eu-1', deployment_of: 'big', price: { input: 12, output: 24 } },
    'large-us': { provider: 'beta', id: 'large-us-1', deployment_of: 'big', price: { input: 11, output: 22 } },
  },
  tasks: { coding: {} },
});

function ask(asked: Partial<Asked>, headers = {}): object {
  const base: Asked = { job: { prompt: 'x' }, model: 'sluice/auto', isStream: false };
  return jobOf({ ...base, ...asked }, headers, config);
}

describe('the name of a model', () => {
  test.each([
    ['sluice/auto', {}],
    ['sluice/auto:cheap', { strategy: 'cost' }],
    ['sluice/auto:latency', { strategy: 'latency' }],
    ['sluice/task/coding', { task: 'coding' }],
    ['sluice/task/coding:fast', { task: 'coding', strategy: 'latency' }],
    ['small', { models: ['small'] }],
    ['vendor/large', { models: ['large'] }],
    ['alpha/large-eu-1', { models: ['large-eu'] }],
    ['big', { models: ['large-eu', 'large-us'] }],
    ['big:floor', { models: ['large-eu', 'large-us'], strategy: 'cost' }],
  ])('%s', (name, meaning) => {
    expect(resolveModel(name, config)).toEqual(meaning);
  });

  test.each([
    ['smal', /there is no model "smal" here \(did you mean "small"\?\)/],
    ['sluice/task/cooking', /there is no model "sluice\/task\/cooking" here/],
    ['sluice/auto:chaep', /there is no model "sluice\/auto:chaep" here \(did you mean "sluice\/auto:cheap"\?\)/],
    ['__proto__', /there is no model/],
    ['x'.repeat(200), /there is no model of 200 characters here/],
  ])('%s is not known', (name, message) => {
    expect(() => resolveModel(name, config)).toThrow(message);
  });
});

describe('what a request wishes', () => {
  test('by headers, which stand above metadata', () => {
    const headers = { 'x-sluice-task': 'coding', 'x-sluice-max-cost-usd': '0.01', 'x-sluice-cache': 'false' };
    const metadata = { sluice_max_cost_usd: '0.5', sluice_max_latency_ms: '900', team: 'blue' };
    expect(ask({ job: { prompt: 'x', metadata } }, headers)).toEqual({
      prompt: 'x',
      task: 'coding',
      max_cost_usd: 0.01,
      max_latency_ms: 900,
      cache: false,
      metadata: { team: 'blue' },
    });
  });

  test('that cannot be read is a problem that says where', () => {
    expect(() => ask({}, { 'x-sluice-max-cost-usd': 'cheap' })).toThrow(
      'x-sluice-max-cost-usd: expected a number of USD, got "cheap"',
    );
    expect(() => ask({}, { 'x-sluice-tsk': 'coding' })).toThrow(
      'headers: "x-sluice-tsk" is none of Sluice\'s (did you mean "x-sluice-task"?)',
    );
    expect(() => ask({ job: { prompt: 'x', metadata: { sluice_tsk: 'coding' } } })).toThrow(
      /did you mean "sluice_task"/,
    );
    const metadata = { sluice_cache: 'yes' };
    expect(() => ask({ job: { prompt: 'x', metadata } })).toThrow(/^metadata.sluice_cache: /);
  });

  test('by a list of models: one after the other', () => {
    expect(ask({ model: 'large', models: ['small', 'vendor/large'] })).toMatchObject({
      models: ['large', 'small'],
      strategy: 'order',
    });
  });
});

describe('preferences in OpenRouter’s words', () => {
  test.each<[string, object, object]>([
    ['only', { only: ['alpha'] }, { models: ['small', 'large-eu'] }],
    ['ignore', { ignore: ['alpha'] }, { models: ['large', 'large-us'] }],
    ['order', { order: ['beta'] }, { models: ['large', 'large-us', 'small', 'large-eu'], strategy: 'order' }],
    [
      'order without fallbacks',
      { order: ['beta'], allow_fallbacks: false },
      { models: ['large', 'large-us'], strategy: 'order' },
    ],
    ['the price', { max_price: { prompt: 10, completion: '20' } }, { models: ['small', 'large'] }],
    ['no fallbacks', { allow_fallbacks: false }, { max_attempts: 1 }],
    ['sort', { sort: 'price' }, { strategy: 'cost' }],
    ['what leaves all of them', { ignore: ['gamma'], max_price: { prompt: 100 } }, {}],
    ['nothing', { data_collection: 'allow', zdr: false }, {}],
  ])('%s', (_, preferences, job) => {
    expect(ask({ provider: preferences })).toEqual({ prompt: 'x', ...job });
  });

  test('that nobody could keep are refused', () => {
    expect(() => ask({ provider: { zdr: true } })).toThrow(/^provider.zdr: Sluice cannot promise it/);
    expect(() => ask({ provider: { only: ['gamma'] } })).toThrow(/none of the models/);
    expect(() => ask({ provider: { onyl: ['alpha'] } })).toThrow(/unknown field "onyl"/);
  });
});
