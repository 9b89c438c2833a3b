import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { shareOut } from '../../src/workers/pool.ts';

function configOf(shares: readonly number[]): Config {
  return Config.parse({
    providers: { local: { base_url: 'http://127.0.0.1:1/v1', allow_private: true } },
    models: { small: { provider: 'local', id: 'small', price: { input: 1, output: 1 } } },
    lanes: Object.fromEntries(shares.map((share, index) => [`lane-${index}`, { share }])),
  });
}

test('the default lanes share 50 jobs at a time without one too many', () => {
  const parts = shareOut(configOf([0.25, 0.75]), { concurrency: 50 });
  expect(parts.map((part) => part.concurrency)).toEqual([13, 37]);
});

test('the parts sum to the whole wherever each lane can have one', () => {
  const shares = fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(shares, fc.integer({ min: 100, max: 10_000 }), (lanes, concurrency) => {
      const parts = shareOut(configOf(lanes), { concurrency });
      expect(parts.reduce((sum, part) => sum + part.concurrency, 0)).toBe(concurrency);
      expect(Math.min(...parts.map((part) => part.concurrency))).toBeGreaterThan(0);
    }),
  );
});

test('every lane runs, however few jobs there may be at a time', () => {
  expect(shareOut(configOf([0.01, 1]), { concurrency: 1 }).map((part) => part.concurrency)).toEqual([1, 1]);
});
