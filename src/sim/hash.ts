/**
 * Repeatable chance: every decision of the simulator is a hash of what it is about, so it depends neither on the order
 * of the requests nor on time.
 */

const TWO_POW_32 = 2 ** 32;
const TWO_POW_53 = 2 ** 53;

/** A 53-bit integer, evenly spread (cyrb53: two multiplicative lanes of 32 bits). `seed` may itself be such a hash. */
export function hashText(text: string, seed: number): number {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ Math.floor(seed / TWO_POW_32);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return TWO_POW_32 * (high & 0x1fffff) + (low >>> 0);
}

/** A number in [0, 1) for one purpose of one hashed thing; different purposes give independent numbers. */
export function drawUnit(hash: number, purpose: string): number {
  return hashText(purpose, hash) / TWO_POW_53;
}

/** A number of the standard normal distribution (Box-Muller). */
export function drawNormal(hash: number, purpose: string): number {
  const radius = Math.sqrt(-2 * Math.log(1 - drawUnit(hash, `${purpose}:radius`)));
  return radius * Math.cos(2 * Math.PI * drawUnit(hash, `${purpose}:angle`));
}
