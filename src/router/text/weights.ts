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

export function unpackWeights({ largest, bytes }: PackedWeights): Float32Array {
  const steps = Buffer.from(bytes, 'base64');
  const weights = new Float32Array(steps.length);
  for (let index = 0; index < steps.length; index += 1) {
    const step = (((steps[index] as number) << 24) >> 24) / STEPS;
    weights[index] = step * Math.abs(step) * largest;
  }
  return weights;
}

/** How many weights a text of base64 holds, without decoding it. */
export function countPacked(bytes: string): number {
  const padding = bytes.endsWith('==') ? 2 : bytes.endsWith('=') ? 1 : 0;
  return (bytes.length / 4) * 3 - padding;
}
