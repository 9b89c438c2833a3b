import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFeatureReader, type Features } from '../../src/router/text/features.ts';

const BUCKETS = 2 ** 15;
const read = createFeatureReader(BUCKETS);

/** A copy that outlives the next reading: value by bucket. */
function featuresOf(text: string): Map<number, number> {
  return copyOf(read(text));
}

function copyOf({ buckets, values, count }: Features): Map<number, number> {
  return new Map(Array.from({ length: count }, (_, index) => [buckets[index] as number, values[index] as number]));
}

/** The cosine of two texts: 1 for the same features. */
function likeness(left: string, right: string): number {
  const others = featuresOf(right);
  return [...featuresOf(left)].reduce((sum, [bucket, value]) => sum + value * (others.get(bucket) ?? 0), 0);
}

function fullWidth(text: string): string {
  return text.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfe_e0));
}

function longText(middle: string): string {
  return `${'a b c '.repeat(200)}${middle}${' x y z'.repeat(200)}`;
}

describe('features of a text', () => {
  it('are a vector of length 1 within the buckets, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), (text) => {
        const features = [...featuresOf(text)];
        expect(features.every(([bucket]) => bucket >= 0 && bucket < BUCKETS)).toBe(true);
        expect(features.reduce((sum, [, value]) => sum + value * value, 0)).toBeCloseTo(1, 4);
      }),
      { numRuns: 200 },
    );
  });

  it('do not depend on what was read before', () => {
    const before = featuresOf('Why is the sky blue?');
    read('x'.repeat(5_000) + ' and many other words, 17 of them');
    expect(featuresOf('Why is the sky blue?')).toEqual(before);
    expect(copyOf(createFeatureReader(BUCKETS)('Why is the sky blue?'))).toEqual(before);
  });

  it('are nearly the same in capitals, with accents and in full width, and the same with hidden characters', () => {
    const plain = 'write a function that sorts numbers';
    expect(likeness(plain, plain.toUpperCase())).toBeGreaterThan(0.8);
    expect(likeness(plain, 'writé à functiön that sorts numbers')).toBeGreaterThan(0.8);
    expect(likeness(plain, fullWidth(plain))).toBeGreaterThan(0.8);
    expect(likeness(plain, 'wri\u200bte a func\u00adtion th\u0301at sorts num\ufeffbers')).toBeGreaterThan(0.8);
    expect(likeness(plain, 'who won the cup of nations')).toBeLessThan(0.5);
  });

  it('know pairs of words, not only words', () => {
    expect(likeness('dog bites man', 'man bites dog')).toBeLessThan(0.9);
  });

  it('take numbers for each other, but not a digit for a long one', () => {
    expect(likeness('add 12 and 345', 'add 67 and 890')).toBeCloseTo(1, 4);
    expect(likeness('add 12 and 345', 'add 1 and 3')).toBeLessThan(0.95);
  });

  it('are those of the two ends of a long text', () => {
    expect(likeness(longText('secret '.repeat(50)), longText('others '.repeat(50)))).toBeCloseTo(1, 4);
    expect(likeness(`secret ${longText('')}`, longText(''))).toBeLessThan(0.999);
  });
});
