import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRetryAfter, waitInSentence } from '../../src/providers/limits/retry-after.ts';
import { parseMoment, parseSpan } from '../../src/providers/limits/wire-time.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const DAY_MS = 86_400_000;

describe('the wait that headers ask for', () => {
  test.each<[Record<string, string | string[]>, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': ' 2 ' }, 2_000],
    [{ 'retry-after': '0.0001' }, 1],
    [{ 'retry-after': ['3', '9'] }, 3_000],
    [{ 'retry-after': [] }, undefined],
    [{ 'retry-after': '1000000000' }, DAY_MS],
    [{ 'retry-after': '9'.repeat(400) }, DAY_MS],
    [{ 'retry-after': 'Sun, 22 Nov 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Sunday, 22-Nov-26 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Sun Nov 22 12:00:30 2026' }, 30_000],
    [{ 'retry-after': '2026-11-22T12:00:30Z' }, 30_000],
    [{ 'retry-after': '2026-11-22T13:00:30.250+01:00' }, 30_250],
    [{ 'retry-after': 'Sun, 22 Nov 2026 11:00:00 GMT' }, 0],
    [{ 'retry-after': 'Sun, 22 Nov 2099 12:00:00 GMT' }, DAY_MS],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'retry-after-ms': '0.4', 'retry-after': '9' }, 1],
    [{ 'x-ms-retry-after-ms': '1200', 'retry-after': '9' }, 1_200],
    [{ 'retry-after-ms': '250', 'x-ms-retry-after-ms': '1200' }, 250],
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
    '2026-11-22',
    '2026-11-22T12:00:30',
    '2026-13-45T12:00:30Z',
    'Sun, 99 Nov 2026 12:00:30 GMT',
    'Sun, 22 Nov 2026 12:00:30 CET',
    '7\u0000',
  ])('%j says nothing', (text) => {
    expect(parseRetryAfter({ 'retry-after': text }, NOW)).toBeUndefined();
  });

  test('is a whole number from 0 to a day, or undefined, whatever stands there', () => {
    const date = fc.date({ noInvalidDate: true });
    const value = fc.oneof(
      fc.string(),
      fc.double().map(String),
      date.map((moment) => moment.toUTCString()),
      date.map((moment) => moment.toISOString()),
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

  test('is the same in all forms of a date', () => {
    const seconds = fc.integer({ min: 0, max: 86_399 });
    fc.assert(
      fc.property(seconds, (later) => {
        const moment = new Date(NOW + later * 1_000);
        const [weekday = '', day = '', month = '', year = '', time = ''] = moment.toUTCString().split(/,? /);
        const asctime = `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
        for (const text of [moment.toUTCString(), moment.toISOString(), asctime, String(later)]) {
          expect(parseRetryAfter({ 'retry-after': text }, NOW)).toBe(later * 1_000);
        }
      }),
    );
  });
});

describe('the wait that a sentence asks for', () => {
  test.each<[string, number | undefined]>([
    ['Rate limit reached for gpt-x. Please try again in 41.724s. Visit https://example.org', 41_724],
    ['Please try again in 6m0s.', 360_000],
    ['Please try again in 1h2m3.5s', 3_723_500],
    ['Please try again in 120ms.', 120],
    ['Please retry in 9h54m12.3s.', 35_652_300],
    ['Please retry after 18 seconds. Please go here', 18_000],
    ['Try again in 1 minute', 60_000],
    ['Try again in 24 hours 5 minutes and wait', DAY_MS],
    ['Please retry after 86400 seconds', DAY_MS],
    ['try again later in 5 minutes', 300_000],
    ['try again in 5 minutes 3 times', 300_000],
    ['No deployments available, Try again in 60 seconds. cooldown_list=[]', 60_000],
    ['Please try again later.', undefined],
    ['Please try again in a moment', undefined],
    ['try again in 5 parsecs', undefined],
    ['I waited in 5 seconds', undefined],
    ['', undefined],
  ])('%j is %s ms', (sentence, milliseconds) => {
    expect(waitInSentence(sentence)).toBe(milliseconds);
  });
});

describe('a span of time', () => {
  test.each<[string, number | undefined]>([
    ['1s', 1_000],
    ['6m0s', 360_000],
    ['120ms', 120],
    ['1h2m3.5s', 3_723_500],
    ['2m59.56s', 179_560],
    ['500µs', 0],
    ['2.5 days', 216_000_000],
    ['3 hrs 2 mins', 10_920_000],
    ['02:13:45', 8_025_000],
    [' 7s ', 7_000],
    ['7', undefined],
    ['s', undefined],
    ['7s!', undefined],
    ['-7s', undefined],
    ['7 s s', undefined],
    ['7x', undefined],
    ['2:13', undefined],
    ['', undefined],
  ])('%j is %s ms', (text, milliseconds) => {
    expect(parseSpan(text)).toBe(milliseconds);
  });

  test('is what Go writes for it', () => {
    const part = fc.nat({ max: 59 });
    fc.assert(
      fc.property(part, part, part, (hours, minutes, seconds) => {
        expect(parseSpan(`${hours}h${minutes}m${seconds}.25s`)).toBe(
          ((hours * 60 + minutes) * 60 + seconds) * 1_000 + 250,
        );
      }),
    );
  });
});

test('noise is no moment and no span, and never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const read of [parseSpan(text), parseMoment(text), waitInSentence(text)]) {
        expect(read === undefined || Number.isFinite(read)).toBe(true);
      }
    }),
  );
});
