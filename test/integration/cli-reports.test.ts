import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { parseConfigWithoutKeys } from '../../src/cli/config-view.ts';
import { parseCount, parsePort, parseSince, parseUsd } from '../../src/cli/options.ts';
import { renderTable } from '../../src/cli/table.ts';
import { createUsageGroups, renderUsage, usageFacts } from '../../src/cli/usage/groups.ts';
import type { UsageRecord } from '../../src/domain/usage.ts';

const example = readFileSync(new URL('../../examples/sluice.yaml', import.meta.url), 'utf8');

describe('the example configuration', () => {
  test('is read without a problem when the key is set', () => {
    const config = parseConfig(example, 'sluice.yaml', { OPENROUTER_API_KEY: 'sk-or-v1-0123456789' });
    expect(Object.keys(config.models).length).toBeGreaterThanOrEqual(5);
    for (const model of Object.values(config.models))
      expect(model.price?.output).toBeGreaterThan(model.price?.input ?? 0);
    expect(config.budgets['everything']?.limit_usd).toBe(20);
  });

  test('names what is missing when it is not', () => {
    expect(() => parseConfig(example, 'sluice.yaml', {})).toThrow(/OPENROUTER_API_KEY is not set/);
    expect(parseConfigWithoutKeys(example, 'sluice.yaml', {}).lanes).toHaveProperty('batch');
  });

  test('has nothing commented out that would not work', () => {
    const all = uncommented(example);
    const env = { OPENROUTER_API_KEY: 'sk-or-v1-0123456789', REDIS_URL: 'redis://127.0.0.1:6379' };
    const config = parseConfig(all, 'sluice.yaml', env);
    expect(Object.keys(config.experiments)).toEqual(['cheaper-coding']);
    expect(config.providers).toHaveProperty('local');
    expect(config.models).toHaveProperty('llama');
    expect(config.budgets).toHaveProperty('research');
    expect(config.redis.url).toBe('redis://127.0.0.1:6379');
  });
});

/** Turns the blocks that are commented out into what they would be; sentences stay comments. */
function uncommented(text: string): string {
  const blocks = /^( *)# (?:local|llama|research|experiments|redis):\n(?:\1# {3}.*\n)+/gm;
  return text.replaceAll(blocks, (block) => block.replaceAll(/^( *)# /gm, '$1'));
}

const RECORD: UsageRecord = {
  v: 1,
  attempt_id: 'j-1:1',
  job_id: 'j-1',
  outcome: 'completed',
  task: 'coding',
  lane: 'batch',
  account: 'default',
  model: 'small',
  provider: 'sim',
  model_id: 'sim/small-1',
  input_tokens: 10,
  output_tokens: 20,
  cost_nanos: 3_000,
  price_source: 'config',
  latency_ms: 100,
  queue_ms: 5,
  at: Date.UTC(2026, 10, 22, 23, 59),
};

function groupsOf(dimensions: Parameters<typeof createUsageGroups>[0], records: readonly Partial<UsageRecord>[]) {
  const groups = createUsageGroups(dimensions);
  for (const record of records) {
    const whole = { ...RECORD, ...record };
    groups.count({ id: `${whole.at}-0`, record: whole });
  }
  return groups;
}

describe('usage', () => {
  test('counts calls, failures and answers from the cache apart, and averages the latency of answers', () => {
    const { total } = groupsOf(
      ['model'],
      [
        {},
        { latency_ms: 300 },
        { outcome: 'failed', input_tokens: 0, output_tokens: 0, cost_nanos: 0, latency_ms: 9_000 },
        { outcome: 'unconfirmed', cost_nanos: 7_000, latency_ms: 9_000 },
        { outcome: 'cached', cost_nanos: 0, saved_nanos: 3_000, latency_ms: 0 },
      ],
    );
    expect(usageFacts(total)).toEqual({
      calls: 4,
      failed: 2,
      unconfirmed: 1,
      cached: 1,
      input_tokens: 30,
      output_tokens: 60,
      cost_usd: 0.000013,
      cost_nanos: 13_000,
      saved_usd: 0.000003,
      saved_nanos: 3_000,
      average_latency_ms: 200,
    });
  });

  test('a correction changes the cost and is no call', () => {
    const { total } = groupsOf(
      ['model'],
      [
        { outcome: 'unconfirmed', cost_nanos: 7_000 },
        { outcome: 'correction', cost_nanos: -4_000 },
      ],
    );
    expect(usageFacts(total)).toMatchObject({ calls: 1, cost_nanos: 3_000, input_tokens: 10 });
  });

  test('groups by several dimensions, the dearest first, and the groups add up to the total', () => {
    const { sorted, total } = groupsOf(
      ['day', 'user'],
      [
        { user: 'ann' },
        { user: 'bob', cost_nanos: 9_000 },
        { user: 'ann', at: Date.UTC(2026, 10, 23) },
        { user: 'bob' },
      ],
    );
    expect(sorted().map(({ names, sums }) => [...names, sums.cost_nanos])).toEqual([
      ['2026-11-22', 'bob', 12_000],
      ['2026-11-22', 'ann', 3_000],
      ['2026-11-23', 'ann', 3_000],
    ]);
    expect(total.cost_nanos).toBe(18_000);
  });

  test('is a table with a dash for what a record does not say', () => {
    const { sorted, total } = groupsOf(['variant'], [{}]);
    expect(renderUsage(['variant'], sorted(), total, (titles) => titles)).toEqual([
      'variant  calls  failed  cached  tokens in  tokens out        cost  saved  latency',
      '-            1       0       0         10          20  $0.0000030  $0.00   100 ms'.replace(
        '$0.0000030',
        '$0.0000030',
      ),
      'total        1       0       0         10          20  $0.0000030  $0.00   100 ms',
    ]);
  });
});

describe('a table', () => {
  test('cannot be made to move the cursor by a name in it', () => {
    const [, row] = renderTable([{ title: 'user' }], [['\u001B[2Jann\u202E\n']]);
    expect(row).toBe('?[2Jann??');
  });
});

describe('values of options', () => {
  const now = Date.UTC(2026, 10, 22, 12);

  test('a time is a duration before now, or a date in UTC', () => {
    expect(parseSince('90m', now)).toBe(Date.UTC(2026, 10, 22, 10, 30));
    expect(parseSince('2026-11-01', now)).toBe(Date.UTC(2026, 10, 1));
    expect(parseSince('2026-11-01T06:30', now)).toBe(Date.UTC(2026, 10, 1, 6, 30));
    expect(parseSince('2026-11-01T06:30+02:00', now)).toBe(Date.UTC(2026, 10, 1, 4, 30));
  });

  test.each(['yesterday', '11/01/2026', '2026-13-01', '5', ''])('and not %j', (text) => {
    expect(() => parseSince(text, now)).toThrow(/Give a duration/);
  });

  test.each([
    [parseCount, '0'],
    [parseCount, '1.5'],
    [parseCount, '1e3'],
    [parsePort, '65536'],
    [parsePort, '-1'],
    [parseUsd, '0'],
    [parseUsd, '1,5'],
    [parseUsd, 'NaN'],
  ])('%o does not take %j', (parse, text) => {
    expect(() => parse(text)).toThrow(/Give/);
  });

  test('others are taken', () => {
    expect([parseCount('12'), parsePort('0'), parseUsd('0.002'), parseUsd('$3')]).toEqual([12, 0, 0.002, 3]);
  });
});
