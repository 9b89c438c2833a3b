import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Duration, durationOf, parseDuration } from '../../src/domain/duration.ts';
import { check, formatProblem } from '../../src/domain/issues.ts';

describe('a duration', () => {
  test.each([
    ['500ms', 500],
    ['60s', 60_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1.5s', 1_500],
    ['0s', 0],
    [' 2s ', 2_000],
    ['0.0001s', 0],
  ])('%j is %i ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each(['', ' ', '1', 's', '1x', '1 s', '-1s', '+1s', '.5s', '1.s', '1e3s', '1S', '1h30m', 'Infinityd', '１s'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test('is never NaN and never negative, whatever the text', () => {
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.string(), fc.constantFrom('ms', 's', 'm', 'h', 'd')).map((p) => p.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        expect(parseDuration(given) ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

const problemOf = (schema: typeof Duration, input: unknown): string => {
  const checked = check(schema, input);
  return checked.ok ? 'none' : checked.problems.map(formatProblem).join('; ');
};

describe('a duration in a configuration', () => {
  test.each<[unknown, string]>([
    ['1x', 'expected a duration such as 500ms, 60s, 5m, 24h or 7d, got "1x"'],
    ['x'.repeat(99), 'expected a duration such as 500ms, 60s, 5m, 24h or 7d, got a text of 99 characters'],
    [30, 'expected a text, got 30'],
    ['400d', 'must be from 0ms to 366d, got "400d"'],
    [`${'9'.repeat(400)}d`, 'must be from 0ms to 366d, got a text of 401 characters'],
    ['366d', 'none'],
  ])('%j: %s', (input, problem) => {
    expect(problemOf(Duration, input)).toBe(problem);
  });

  test('has the bounds of its field', () => {
    const bounded = durationOf(100, 86_400_000);
    expect(problemOf(bounded, '99ms')).toBe('must be from 100ms to 1d, got "99ms"');
    expect(problemOf(bounded, '25h')).toBe('must be from 100ms to 1d, got "25h"');
    expect(problemOf(bounded, '24h')).toBe('none');
  });
});
