import { expect, test } from 'vitest';
import { subjectsOf } from '../../src/gateway/door.ts';
import { formatReset, rateHeadersOf } from '../../src/gateway/rate-headers.ts';

test.each([
  [0, '0ms'],
  [19.2, '20ms'],
  [1_200, '1.2s'],
  [59_999, '59.999s'],
  [60_000, '1m0s'],
  [360_000, '6m0s'],
  [3_605_000, '1h0m5s'],
])('%d ms are written as %s', (milliseconds, text) => {
  expect(formatReset(milliseconds)).toBe(text);
});

test('the headers are those of whoever has least left, each kind for itself', () => {
  const subjects = [
    { name: 'key:k', limits: { requests_per_minute: 60, tokens_per_minute: 1_000 } },
    { name: 'user:k/ann', limits: { requests_per_minute: 10, tokens_per_minute: 9_000, concurrency: 2 } },
  ];
  const levels = [
    { requests: { remaining: 59, resetMs: 1_000 }, tokens: { remaining: 12, resetMs: 59_280 } },
    { requests: { remaining: 8, resetMs: 12_000 }, tokens: { remaining: 8_012, resetMs: 6_587 } },
  ];
  expect(rateHeadersOf(subjects, levels)).toEqual({
    'x-ratelimit-limit-requests': '10',
    'x-ratelimit-remaining-requests': '8',
    'x-ratelimit-reset-requests': '12s',
    'x-ratelimit-limit-tokens': '1000',
    'x-ratelimit-remaining-tokens': '12',
    'x-ratelimit-reset-tokens': '59.28s',
  });
  expect(rateHeadersOf([{ name: 'key:k', limits: { concurrency: 1 } }], [{}])).toEqual({});
});

test('a key has its own limits, else those of the configuration; users have those of the configuration', () => {
  const limits = { per_key: { requests_per_minute: 60, concurrency: 4 }, per_user: { requests_per_minute: 5 } };
  const caller = { account: 'a', key: { id: 'k', name: 'n', limits: { requests_per_minute: 600 } } };
  const [key, user] = subjectsOf({ caller, user: 'ann:lee/\ud800' }, limits);
  expect(key).toEqual({ name: 'key:k', limits: { requests_per_minute: 600, concurrency: 4 } });
  expect(user).toEqual({ name: 'user:k/ann%3Alee%2F%EF%BF%BD', limits: { requests_per_minute: 5 } });
  // Those who name no user share what one has.
  expect(subjectsOf({ caller, user: undefined }, limits)[1]?.name).toBe('user:k/');
  const none = { per_key: {}, per_user: {} };
  expect(subjectsOf({ caller: { ...caller, key: { ...caller.key, limits: {} } }, user: 'ann' }, none)).toEqual([]);
  expect(subjectsOf({ caller: { account: 'a' }, user: 'ann' }, limits)).toEqual([]);
});
