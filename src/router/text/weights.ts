import type { Features } from './features.ts';

/**
 * Weights as a byte each, in base64: most are small and few are large, so that the steps grow with the size (the square
 * root of a weight is what is rounded). The largest is kept to about half a percent, a small one far more closely.
 */
const STEPS = 127;

export type PackedWeights = { largest: number; bytes: string };

export function packWeights(weights: Float32Array): PackedWeights {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  const bytes = new Int8Array(weights.length);
  if (largest > 0) {
    for (let index = 0; index < weights.length; index += 1) {
      const weight = weights[index] as number;
      bytes[index] = Math.round(Math.sign(weight) * STEPS * Math.sqrt(Math.abs(weight) / largest));
    }
  }
  return { largest, bytes: Buffer.from(bytes.buffer).toString('base64') };
}

/**
 * Makes a function that adds to each class's score what the features of a text say: a row of `classes` weights a bucket.
 * The weights stay a byte each, and so within the processor's cache: waiting for memory is what would take the time.
 */
export function createScorer(
  { largest, bytes }: PackedWeights,
  classes: number,
): (features: Features, scores: Float64Array) => void {
  const steps = new Int8Array(Buffer.from(bytes, 'base64'));
  const sums = new Float64Array(classes);
  const unit = largest / STEPS ** 2;
  return ({ buckets, values, count }, scores) => {
    sums.fill(0);
    for (let feature = 0; feature < count; feature += 1) {
      const row = (buckets[feature] as number) * classes;
      const value = values[feature] as number;
      for (let index = 0; index < classes; index += 1) {
        const step = steps[row + index] as number;
        (sums[index] as number) += value * step * Math.abs(step);
      }
    }
    for (let index = 0; index < classes; index += 1) (scores[index] as number) += (sums[index] as number) * unit;
  };
}

/** How many weights a text of base64 holds, without decoding it. */
export function countPacked(bytes: string): number {
  const padding = bytes.endsWith('==') ? 2 : bytes.endsWith('=') ? 1 : 0;
  return (bytes.length / 4) * 3 - padding;
}
