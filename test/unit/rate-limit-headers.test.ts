import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ToldLimit, ToldLimits } from '../../src/domain/rate-limits.ts';
import { toldLimits, waitForReset } from '../../src/providers/limits/rate-limit-headers.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');

type Headers = Record<string, string | string[]>;

const openAi = (what: string, [limit, remaining, reset]: [string, string, string?], suffix = ''): Headers => ({
  [`x-ratelimit-limit-${what}${suffix}`]: limit,
  [`x-ratelimit-remaining-${what}${suffix}`]: remaining,
  ...(reset !== undefined && { [`x-ratelimit-reset-${what}${suffix}`]: reset }),
});
const anthropic = (what: string, [limit, remaining, reset]: [string, string, string]): Headers => ({
  [`anthropic-ratelimit-${what}-limit`]: limit,
  [`anthropic-ratelimit-${what}-remaining`]: remaining,
  [`anthropic-ratelimit-${what}-reset`]: reset,
});
const simple = ([limit, remaining, reset]: [string, string, string], prefix = 'x-ratelimit'): Headers => ({
  [`${prefix}-limit`]: limit,
  [`${prefix}-remaining`]: remaining,
  [`${prefix}-reset`]: reset,
});

describe('limits as providers tell them', () => {
  test.each<[string, Headers, ToldLimits | undefined]>([
    ['nothing', {}, undefined],
    [
      'OpenAI',
      { ...openAi('requests', ['5000', '4999', '12ms']), ...openAi('tokens', ['160000', '159976', '6m0s']) },
      {
        requests: { limit: 5_000, remaining: 4_999, resetMs: 12 },
        tokens: { limit: 160_000, remaining: 159_976, resetMs: 360_000 },
      },
    ],
    [
      'Groq, whose requests are by the day',
      { ...openAi('requests', ['14400', '14370', '2m59.56s']), ...openAi('tokens', ['18000', '17997', '7.66s']) },
      {
        requests: { limit: 14_400, remaining: 14_370, resetMs: 179_560 },
        tokens: { limit: 18_000, remaining: 17_997, resetMs: 7_660 },
      },
    ],
    [
      'Azure, whose resets are seconds',
      openAi('requests', ['120', '119', '18']),
      { requests: { limit: 120, remaining: 119, resetMs: 18_000 } },
    ],
    ['Azure, older, without the limit', { 'x-ratelimit-remaining-tokens': '119968' }, undefined],
    ['Azure, when it does not count', openAi('tokens', ['-1', '-1', '0']), undefined],
    [
      'Cerebras, with two windows: the tighter one',
      {
        ...openAi('requests', ['14400', '9000', '33011.38'], '-day'),
        ...openAi('requests', ['30', '7', '45.5'], '-minute'),
        ...openAi('tokens', ['60000', '50', '26.5'], '-minute'),
      },
      {
        requests: { limit: 30, remaining: 7, resetMs: 45_500 },
        tokens: { limit: 60_000, remaining: 50, resetMs: 26_500 },
      },
    ],
    [
      'Mistral, who leaves out the reset',
      { ...openAi('req', ['60', '59'], '-minute'), ...openAi('tokens', ['500000', '499000'], '-minute') },
      {
        requests: { limit: 60, remaining: 59, resetMs: 60_000 },
        tokens: { limit: 500_000, remaining: 499_000, resetMs: 60_000 },
      },
    ],
    [
      'Anthropic: the tightest of the tokens',
      {
        ...anthropic('requests', ['50', '49', '2026-11-22T12:00:01Z']),
        ...anthropic('tokens', ['38000', '37000', '2026-11-22T12:00:10Z']),
        ...anthropic('input-tokens', ['30000', '29000', '2026-11-22T12:00:20Z']),
        ...anthropic('output-tokens', ['8000', '0', '2026-11-22T12:00:30Z']),
      },
      {
        requests: { limit: 50, remaining: 49, resetMs: 1_000 },
        tokens: { limit: 8_000, remaining: 0, resetMs: 30_000 },
      },
    ],
    [
      'of two that are equally tight the one that takes longer',
      {
        ...anthropic('tokens', ['38000', '0', '2026-11-22T12:00:10Z']),
        ...anthropic('input-tokens', ['30000', '0', '2026-11-22T12:00:20Z']),
      },
      { tokens: { limit: 30_000, remaining: 0, resetMs: 20_000 } },
    ],
    [
      'a reset that has just passed',
      anthropic('requests', ['50', '50', '2026-11-22T11:59:59Z']),
      { requests: { limit: 50, remaining: 50, resetMs: 0 } },
    ],
    [
      'OpenRouter, in epoch milliseconds',
      simple(['50', '0', String(NOW + 43_200_000)]),
      { requests: { limit: 50, remaining: 0, resetMs: 43_200_000 } },
    ],
    [
      'epoch seconds',
      simple(['50', '3', String(NOW / 1_000 + 30)]),
      { requests: { limit: 50, remaining: 3, resetMs: 30_000 } },
    ],
    [
      'Together, in seconds, with tokens',
      { ...simple(['10', '9', '1']), 'x-tokenlimit-limit': '3000', 'x-tokenlimit-remaining': '2900' },
      {
        requests: { limit: 10, remaining: 9, resetMs: 1_000 },
        tokens: { limit: 3_000, remaining: 2_900, resetMs: 1_000 },
      },
    ],
    [
      'IETF, older',
      simple(['100, 100;w=60', '40', '30'], 'ratelimit'),
      { requests: { limit: 100, remaining: 40, resetMs: 30_000 } },
    ],
    [
      'IETF, newer',
      { ratelimit: '"default";r=40;t=30', 'ratelimit-policy': '"default";q=100;w=60' },
      { requests: { limit: 100, remaining: 40, resetMs: 30_000 } },
    ],
    [
      'IETF, newer, several policies',
      {
        ratelimit: '"day";r=900;t=40000, "burst";r=3;t=5, "bytes";r=1;t=1',
        'ratelimit-policy': '"burst";q=10;w=10;qu="requests", "day";q=1000;w=86400, "bytes";q=9;w=1;qu="content-bytes"',
      },
      { requests: { limit: 10, remaining: 3, resetMs: 5_000 } },
    ],
    [
      'IETF, newer, where nothing is used up and no time is told',
      { ratelimit: '"default";r=100', 'ratelimit-policy': '"default";q=100;w=60' },
      { requests: { limit: 100, remaining: 100, resetMs: 60_000 } },
    ],
    ['IETF, newer, without a policy', { ratelimit: '"default";r=40;t=30' }, undefined],
    [
      'a header that came twice',
      { ...simple(['50', '3', '1']), 'x-ratelimit-limit': ['60', '70'] },
      { requests: { limit: 60, remaining: 3, resetMs: 1_000 } },
    ],
  ])('%s', (_provider, headers, limits) => {
    expect(toldLimits(headers, NOW)).toEqual(limits);
  });

  test.each<[string, [string, string, string]]>([
    ['more left than the limit', ['10', '11', '1s']],
    ['a limit of nothing', ['0', '0', '1s']],
    ['less than nothing', ['10', '-1', '1s']],
    ['half a request', ['10', '1.5', '1s']],
    ['no number', ['ten', 'NaN', '1s']],
    ['no time', ['10', '5', 'soon']],
    ['a negative time', ['10', '5', '-1']],
    ['a reset in years', ['10', '5', '9999h']],
    ['a reset in another millennium', ['10', '5', '99999999999999']],
    ['an empty reset', ['10', '5', '']],
    ['a limit that no integer holds', ['9'.repeat(20), '5', '1s']],
  ])('%s is not said', (_name, values) => {
    expect(toldLimits(openAi('requests', values), NOW)).toBeUndefined();
    expect(toldLimits({ ...openAi('requests', values), ...openAi('tokens', ['9', '8', '1s']) }, NOW)).toEqual({
      tokens: { limit: 9, remaining: 8, resetMs: 1_000 },
    });
  });
});

describe('noise', () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.double().map(String),
    fc.constantFrom(
      '1s',
      '6m0s',
      '120ms',
      '"default";r=1;t=2',
      '"default";q=3;w=4',
      '2026-11-22T12:00:30Z',
      '0',
      '100',
    ),
    fc.array(fc.string(), { maxLength: 2 }),
  );
  const name = fc.oneof(
    fc.string(),
    fc.constantFrom('ratelimit', 'ratelimit-policy', 'x-ratelimit-reset', '__proto__', 'constructor'),
    fc
      .tuple(fc.constantFrom('limit', 'remaining', 'reset'), fc.constantFrom('requests', 'tokens', 'tokens-minute'))
      .map(([field, what]) => `x-ratelimit-${field}-${what}`),
    fc
      .tuple(fc.constantFrom('requests', 'tokens', 'input-tokens'), fc.constantFrom('limit', 'remaining', 'reset'))
      .map(([what, field]) => `anthropic-ratelimit-${what}-${field}`),
  );

  test('tells limits that make sense, or none', () => {
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 20 }), (headers) => {
        const { requests, tokens, ...rest } = toldLimits(headers, NOW) ?? {};
        expect(rest).toEqual({});
        for (const told of [requests, tokens]) {
          if (told === undefined) continue;
          const { limit, remaining, resetMs } = told;
          expect([limit, remaining, resetMs].every(Number.isSafeInteger)).toBe(true);
          expect(remaining >= 0 && remaining <= limit && limit >= 1).toBe(true);
          expect(resetMs >= 0 && resetMs <= 32 * 86_400_000).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('what a provider tells is what is read', () => {
    const told = fc
      .tuple(fc.integer({ min: 1, max: 1e9 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 600_000 }))
      .map(([limit, share, resetMs]) => ({ limit, remaining: Math.floor(limit * share), resetMs }));
    fc.assert(
      fc.property(told, ({ limit, remaining, resetMs }) => {
        const values: [string, string, string] = [String(limit), String(remaining), `${resetMs}ms`];
        const requests = { limit, remaining, resetMs };
        expect(toldLimits(openAi('requests', values), NOW)).toEqual({ requests });
        const moment = new Date(NOW + resetMs).toISOString();
        expect(toldLimits(anthropic('requests', [values[0], values[1], moment]), NOW)).toEqual({ requests });
        expect(toldLimits(simple([values[0], values[1], String(NOW + resetMs)]), NOW)).toEqual({ requests });
      }),
    );
  });
});

const used = (resetMs: number): ToldLimit => ({ limit: 9, remaining: 0, resetMs });

test('one waits for the last of the limits that are used up', () => {
  const open = { limit: 9, remaining: 1, resetMs: 99 };
  expect(waitForReset(undefined)).toBeUndefined();
  expect(waitForReset({ requests: open })).toBeUndefined();
  expect(waitForReset({ requests: used(5), tokens: open })).toBe(5);
  expect(waitForReset({ requests: used(5), tokens: used(7) })).toBe(7);
});
