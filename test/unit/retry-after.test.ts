import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRetryAfter } from '../../src/providers/retry-after.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const DAY_MS = 86_400_000;

describe('the wait that a provider asks for', () => {
  test.each<[Record<string, string | string[]>, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': ' 2 ' }, 2_000],
    [{ 'retry-after': '0.0001' }, 1],
    [{ 'retry-after': ['3', '9'] }, 3_000],
    [{ 'retry-after': '1000000000' }, DAY_MS],
    [{ 'retry-after': '9'.repeat(400) }, DAY_MS],
    [{ 'retry-after': 'Sun, 22 Nov 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Sunday, 22-Nov-26 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Sun, 22 Nov 2026 11:00:00 GMT' }, 0],
    [{ 'retry-after': 'Sun, 22 Nov 2099 12:00:00 GMT' }, DAY_MS],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'retry-after-ms': '0.4', 'retry-after': '9' }, 1],
    [{ 'x-ms-retry-after-ms': '1200', 'retry-after': '9' }, 1_200],
    [{ 'retry-after-ms': 'soon', 'retry-after': '9' }, 9_000],
  ])('%j is %s ms', (headers, milliseconds) => {
    expect(parseRetryAfter(headers, NOW)).toBe(milliseconds);
  });

  test.each([
    '-1',
    '-0',
    '1e9',
    'Infinity',
    'NaN',
    '',
    ' ',
    'abc',
    'soon 1',
    'May 5',
    '5s',
    '1,000',
    '0x10',
    '2026-11-22T12:00:30Z',
    'Sun, 99 Nov 2026 12:00:30 GMT',
    'Sun, 22 Nov 2026 12:00:30 CET',
    '7\u0000',
  ])('%j says nothing', (text) => {
    expect(parseRetryAfter({ 'retry-after': text }, NOW)).toBeUndefined();
  });

  test('is a whole number from 0 to a day, or undefined, whatever stands there', () => {
    const value = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    );
    const headers = fc.record(
      { 'retry-after': value, 'retry-after-ms': value, 'x-ms-retry-after-ms': fc.array(value) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(headers, (given) => {
        const milliseconds = parseRetryAfter(given, NOW) ?? 0;
        expect(Number.isInteger(milliseconds) && milliseconds >= 0 && milliseconds <= DAY_MS).toBe(true);
      }),
    );
  });
});
