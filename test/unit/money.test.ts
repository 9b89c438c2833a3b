import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  costOfTokens,
  formatUsd,
  nanosToUsd,
  usdPerMillionToPicosPerToken,
  usdToNanos,
} from '../../src/domain/money.ts';

const tokens = fc.nat(10_000_000);
const priceUsd = fc.oneof(fc.double({ min: 0, max: 1_000, noNaN: true }), fc.constantFrom(0, 0.0375, 0.15, 2.5, 75));
const price = fc.record({ input: priceUsd, output: priceUsd }).map(({ input, output }) => ({
  inputPicosPerToken: usdPerMillionToPicosPerToken(input),
  outputPicosPerToken: usdPerMillionToPicosPerToken(output),
}));

describe('the price of tokens', () => {
  test.each([
    [{ input: 0.15, output: 0.6 }, 1_000, 200, 270_000],
    [{ input: 0.0375, output: 0 }, 1, 0, 38],
    [{ input: 2.5, output: 10 }, 1_000_000, 1_000_000, 12_500_000_000],
    [{ input: 0, output: 0 }, 1_000, 1_000, 0],
  ])('%o for %i and %i tokens is %i nano-dollars', ({ input, output }, inputTokens, outputTokens, nanos) => {
    const prices = {
      inputPicosPerToken: usdPerMillionToPicosPerToken(input),
      outputPicosPerToken: usdPerMillionToPicosPerToken(output),
    };
    expect(costOfTokens(prices, { inputTokens, outputTokens })).toBe(nanos);
  });

  test('is a whole number, and 0 only when the price or the tokens are', () => {
    fc.assert(
      fc.property(price, tokens, tokens, (prices, inputTokens, outputTokens) => {
        const cost = costOfTokens(prices, { inputTokens, outputTokens });
        expect(Number.isSafeInteger(cost)).toBe(true);
        const isFree =
          (prices.inputPicosPerToken === 0 || inputTokens === 0) &&
          (prices.outputPicosPerToken === 0 || outputTokens === 0);
        expect(cost === 0).toBe(isFree);
      }),
    );
  });

  test('never falls when tokens are added', () => {
    fc.assert(
      fc.property(
        price,
        tokens,
        tokens,
        fc.nat(1_000),
        fc.nat(1_000),
        (prices, inputTokens, outputTokens, more, evenMore) => {
          const less = costOfTokens(prices, { inputTokens, outputTokens });
          const later = costOfTokens(prices, {
            inputTokens: inputTokens + more,
            outputTokens: outputTokens + evenMore,
          });
          expect(later).toBeGreaterThanOrEqual(less);
        },
      ),
    );
  });

  test('of two calls is never less than that of one call with all their tokens, and at most a nano-dollar more', () => {
    fc.assert(
      fc.property(price, tokens, tokens, tokens, tokens, (prices, inputA, outputA, inputB, outputB) => {
        const apart =
          costOfTokens(prices, { inputTokens: inputA, outputTokens: outputA }) +
          costOfTokens(prices, { inputTokens: inputB, outputTokens: outputB });
        const together = costOfTokens(prices, { inputTokens: inputA + inputB, outputTokens: outputA + outputB });
        expect(apart - together).toBeGreaterThanOrEqual(0);
        expect(apart - together).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('a price per million that is not zero never becomes zero', () => {
    fc.assert(
      fc.property(fc.double({ min: Number.MIN_VALUE, max: 100_000, noNaN: true }), (usd) => {
        expect(usdPerMillionToPicosPerToken(usd)).toBeGreaterThan(0);
      }),
    );
    expect(usdPerMillionToPicosPerToken(0)).toBe(0);
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
