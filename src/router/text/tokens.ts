import { characters, KIND } from './characters.ts';

/** Instructions stand at the beginning or at the end; looking at no more keeps the time of a reading bounded. */
const HEAD_CHARACTERS = 800;
const TAIL_CHARACTERS = 400;

/** A character is a token at most; each part begins and ends with an edge. */
export const MOST_TOKENS = HEAD_CHARACTERS + TAIL_CHARACTERS + 4;

/** Stands before the first and after the last word, so that these are told from those in the middle. */
const EDGE = 0x1e_37_79_b9;
const NUMBER = 0x05_eb_ca_6b;
const LONG_NUMBER = 0x42_b2_ae_35;
const NEWLINE = 0x27_d4_eb_2f;
const REPEATED = 0x16_56_67_b1;

const HASH_START = 0x01_1c_9d_c5;
const HASH_FACTOR = 0x01_00_01_93;

/** The hashes of a text's words in their order, and what was counted on the way. The next reading overwrites it. */
export type Tokens = {
  readonly hashes: Int32Array;
  count: number;
  /** Characters that were looked at, and those of them that are capitals (or accented), digits, symbols, line ends. */
  characters: number;
  capitals: number;
  digits: number;
  symbols: number;
  newlines: number;
};

/**
 * Makes a reader of words: runs of letters whatever their case, numbers (one digit or more, whatever they are), line ends,
 * and each symbol, once for a run of the same. Ideographs are symbols: a word each. It keeps its memory, as its callers do.
 */
export function createTokenReader(): (text: string) => Tokens {
  const { kinds, folded } = characters();
  const hashes = new Int32Array(MOST_TOKENS);
  const tokens: Tokens = { hashes, count: 0, characters: 0, capitals: 0, digits: 0, symbols: 0, newlines: 0 };

  return (text) => {
    tokens.count = tokens.characters = tokens.capitals = tokens.digits = tokens.symbols = tokens.newlines = 0;
    if (text.length <= HEAD_CHARACTERS + TAIL_CHARACTERS) readPart(text, 0, text.length);
    else {
      readPart(text, 0, HEAD_CHARACTERS);
      readPart(text, text.length - TAIL_CHARACTERS, text.length);
    }
    return tokens;
  };

  function readPart(text: string, start: number, end: number): void {
    let count = tokens.count;
    hashes[count++] = EDGE;
    let index = start;
    while (index < end) {
      const from = index;
      const code = text.charCodeAt(index++);
      const kind = kinds[code] as number;
      if (kind === KIND.letter) {
        index = readWord(text, from, end, count++);
      } else if (kind === KIND.digit) {
        while (index < end && kinds[text.charCodeAt(index)] === KIND.digit) index += 1;
        tokens.digits += index - from;
        hashes[count++] = index - from === 1 ? NUMBER : LONG_NUMBER;
      } else if (kind === KIND.symbol) {
        while (index < end && text.charCodeAt(index) === code) index += 1;
        tokens.symbols += index - from;
        const hash = Math.imul((folded[code] as number) ^ HASH_START, HASH_FACTOR);
        hashes[count++] = index - from === 1 ? hash : hash ^ REPEATED;
      } else if (kind === KIND.newline) {
        tokens.newlines += 1;
        hashes[count++] = NEWLINE;
      }
    }
    hashes[count++] = EDGE;
    tokens.count = count;
    tokens.characters += end - start;
  }

  /** FNV-1a over the letters as they count; where the word ends is returned. */
  function readWord(text: string, start: number, end: number, place: number): number {
    let hash = HASH_START;
    let capitals = 0;
    let index = start;
    for (; index < end; index += 1) {
      const code = text.charCodeAt(index);
      const kind = kinds[code] as number;
      if (kind === KIND.nothing) continue;
      if (kind !== KIND.letter) break;
      const letter = folded[code] as number;
      if (letter !== code) capitals += 1;
      hash = Math.imul(hash ^ letter, HASH_FACTOR);
    }
    hashes[place] = hash;
    tokens.capitals += capitals;
    return index;
  }
}
