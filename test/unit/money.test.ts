import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatUsd,
  nanosOfPicos,
  nanosToUsd,
  usdPerMillionToPicosPerToken,
  usdToNanos,
} from '../../src/domain/money.ts';

describe('prices', () => {
  test('a price per million that is not zero never becomes zero', () => {
    fc.assert(
      fc.property(fc.double({ min: Number.MIN_VALUE, max: 100_000, noNaN: true }), (usd) => {
        expect(usdPerMillionToPicosPerToken(usd)).toBeGreaterThan(0);
      }),
    );
    expect(usdPerMillionToPicosPerToken(0)).toBe(0);
  });

  test('are rounded up to whole nano-dollars', () => {
    expect([0, 1, 999, 1_000, 1_001].map(nanosOfPicos)).toEqual([0, 1, 1, 1, 2]);
  });
});

test('dollars survive the way into nano-dollars and back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000_000_000_000, max: 1_000_000_000_000_000 }), (nanos) => {
      expect(usdToNanos(nanosToUsd(nanos))).toBe(nanos);
    }),
  );
});

describe('money for people', () => {
  test.each([
    [0, '$0.00'],
    [1, '$0.000000001'],
    [310, '$0.00000031'],
    [4_200_000, '$0.0042'],
    [99_000_000, '$0.0990'],
    [99_999_999, '$0.1000'],
    [100_000_000, '$0.10'],
    [1_230_000_000, '$1.23'],
    [12_345_678_900_000, '$12345.68'],
    [-4_200_000, '-$0.0042'],
    [-1_230_000_000, '-$1.23'],
  ])('%i nano-dollars are %s', (nanos, shown) => {
    expect(formatUsd(nanos)).toBe(shown);
  });

  test('an amount that is not zero is never shown as zero, nor far from what it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 1_000_000_000_000_000 })),
        (nanos) => {
          const shown = Number(formatUsd(nanos).slice(1));
          expect(shown).toBeGreaterThan(0);
          expect(Math.abs(shown - nanosToUsd(nanos)) / nanosToUsd(nanos)).toBeLessThan(0.051);
          expect(formatUsd(-nanos)).toBe(`-${formatUsd(nanos)}`);
        },
      ),
    );
  });
});
