import { characters } from './characters.ts';
import { createTokenReader, MOST_TOKENS, type Tokens } from './tokens.ts';

/** Two a token, and those of the shape. */
const MOST_FEATURES = 2 * MOST_TOKENS + 7;
const MOST_COUNT = 255;

/** `1 + ln(count)`: what is said again counts less every time. */
const DAMPED = Float32Array.from({ length: MOST_COUNT + 1 }, (_, count) => (count === 0 ? 0 : 1 + Math.log(count)));

const SHAPE = { length: 1, capitals: 2, digits: 3, symbols: 4, newlines: 5, first: 6, last: 7 } as const;
const LARGEST_SHARE = 9;
const MOST_NEWLINES = 6;

/** The features of one text, as a vector of length 1 with `count` entries. The next reading overwrites it. */
export type Features = { count: number; readonly buckets: Uint32Array; readonly values: Float32Array };

/**
 * Makes a reader of a text's features: its words and pairs of neighbouring words, each counted in the bucket that its
 * hash names, and the shape of the whole (its length, its first and last character, and what share of it is capitals,
 * digits, symbols, line ends). `bucketCount` is a power of two.
 *
 * The reader keeps its memory, so that a reading allocates nothing: what it returns holds until the next one.
 */
export function createFeatureReader(bucketCount: number): (text: string) => Features {
  const readTokens = createTokenReader();
  const counts = new Uint8Array(bucketCount);
  const mask = bucketCount - 1;
  const buckets = new Uint32Array(MOST_FEATURES);
  const values = new Float32Array(MOST_FEATURES);
  const features: Features = { count: 0, buckets, values };

  return (text) => {
    const tokens = readTokens(text);
    let count = countTokens(tokens);
    for (const hash of shapeOf(text, tokens)) count = add(hash, count);
    weigh(count);
    features.count = count;
    return features;
  };

  function countTokens({ hashes, count: tokenCount }: Tokens): number {
    let count = 0;
    let previous = 0;
    for (let index = 0; index < tokenCount; index += 1) {
      const hash = hashes[index] as number;
      count = add(hash, count);
      if (index > 0) count = add(Math.imul(previous, 0x01_00_01_93) ^ Math.imul(hash, 0x27_d4_eb_2d), count);
      previous = hash;
    }
    return count;
  }

  /** Counts a feature; the features that the text has by then are returned. */
  function add(hash: number, count: number): number {
    const bucket = scatter(hash) & mask;
    const before = counts[bucket] as number;
    if (before < MOST_COUNT) counts[bucket] = before + 1;
    if (before > 0) return count;
    buckets[count] = bucket;
    return count + 1;
  }

  /** Turns the counts into a vector of length 1, and leaves them at 0 for the next text. */
  function weigh(count: number): void {
    let squares = 0;
    for (let index = 0; index < count; index += 1) {
      const bucket = buckets[index] as number;
      const value = DAMPED[counts[bucket] as number] as number;
      counts[bucket] = 0;
      values[index] = value;
      squares += value * value;
    }
    const scale = 1 / Math.sqrt(squares);
    for (let index = 0; index < count; index += 1) values[index] = (values[index] as number) * scale;
  }
}

/** The last step of MurmurHash3: every bit of the hash counts for every bit of the bucket. */
function scatter(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2_b2_ae_35);
  return mixed ^ (mixed >>> 16);
}

function shapeOf(text: string, tokens: Tokens): number[] {
  const share = (part: number): number => Math.min(LARGEST_SHARE, Math.floor((part * 60) / (1 + tokens.characters)));
  const { folded, kinds } = characters();
  const first = text.charCodeAt(0);
  return [
    shapeHash(SHAPE.length, Math.floor(2 * Math.log2(text.length + 1))),
    shapeHash(SHAPE.capitals, share(tokens.capitals)),
    shapeHash(SHAPE.digits, share(tokens.digits)),
    shapeHash(SHAPE.symbols, share(tokens.symbols)),
    shapeHash(SHAPE.newlines, Math.min(MOST_NEWLINES, tokens.newlines)),
    shapeHash(SHAPE.first, 2 * (kinds[first] ?? 0) + (folded[first] === first ? 0 : 1)),
    shapeHash(SHAPE.last, folded[text.charCodeAt(text.length - 1)] ?? 0),
  ];
}

function shapeHash(what: number, value: number): number {
  return Math.imul(value + 1, 0x2c_1b_3c_6d) ^ Math.imul(what, 0x9e_37_79_b9);
}
