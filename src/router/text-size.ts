/** `bytes` in UTF-8, and the tokens that the text will hardly ever exceed. */
export type TextSize = { bytes: number; mostTokens: number };

/** Kinds of ASCII characters. Every blank is one of its own, which is its code. */
const LOWER = 0;
const UPPER = 1;
const OTHER = 2;
const SPACE = 0x20;

const ASCII_KINDS = Uint8Array.from({ length: 128 }, (_, code) => kindOf(String.fromCharCode(code)));

/**
 * By kind: a run costs a token at its first character and at every so many after it. These are powers of two, and one
 * less is the mask of those places.
 */
const PLACE_MASKS = Uint8Array.from({ length: SPACE + 1 }, (_, kind) => charactersPerToken(kind) - 1);

function kindOf(character: string): number {
  if (/[a-z]/.test(character)) return LOWER;
  if (/[A-Z]/.test(character)) return UPPER;
  return /\s/.test(character) ? character.charCodeAt(0) : OTHER;
}

function charactersPerToken(kind: number): number {
  if (kind === LOWER) return 2;
  return kind === UPPER || kind === OTHER ? 1 : 16;
}

/**
 * Measures a text in one pass. `mostTokens` counts what byte-pair tokenisers do at their worst:
 *
 * - two small letters a token; every capital, digit, punctuation mark and symbol by itself, because numbers, UUIDs, hex,
 *   base64 and keys are cut that finely; a run of the same blank as one, a single space before a letter with its word;
 * - beyond ASCII see `mostTokensOf`.
 *
 * It is about twice what English prose has (2.0 to 2.5 times; 3 times where much is in capitals), 1.6 to 2.5 times for
 * code and JSON. It was held against o200k and cl100k and is not a proof: small letters in the order of no language exceed
 * it by up to a tenth, rare Chinese characters and rare Korean syllables in a row by up to a third.
 */
export function measureText(text: string): TextSize {
  let bytes = text.length;
  let mostTokens = 0;
  let run = 0;
  let previousKind = -1;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= ASCII_KINDS.length) {
      bytes += bytesOf(code) - 1;
      mostTokens += mostTokensOf(code);
      previousKind = -1;
      continue;
    }
    const kind = ASCII_KINDS[code] as number;
    const isWord = kind === LOWER && previousKind === UPPER;
    if (kind !== previousKind && !isWord) {
      const isSpaced = previousKind === SPACE && run === 1;
      if (isSpaced && kind <= UPPER) mostTokens -= 1;
      run = 0;
    }
    if ((run & (PLACE_MASKS[kind] as number)) === 0) mostTokens += 1;
    run += 1;
    previousKind = kind;
  }
  return { bytes, mostTokens };
}

/** Of a UTF-16 code unit: a character outside the basic plane is four bytes in two units. */
function bytesOf(code: number): number {
  return code < 0x800 || isSurrogate(code) ? 2 : 3;
}

/**
 * Tokens that a UTF-16 code unit beyond ASCII comes to: one for a letter of the Latin, Greek and Cyrillic alphabets, two
 * for a Chinese, Japanese or Korean one, for Vietnamese vowels and for typographic marks. All else (rare scripts such as
 * Amharic, scripts that older tokenisers do not know, phonetics, combining marks, emoji) at one token a byte, which is
 * the most that falling back to bytes can come to.
 */
function mostTokensOf(code: number): number {
  if (code < 0x180 || (code >= 0x370 && code < 0x530)) return 1;
  const isEastAsian = (code >= 0x3000 && code < 0x3100) || (code >= 0x4e00 && code < 0xa000);
  const isKorean = code >= 0xac00 && code < 0xd7a4;
  const isFullWidth = code >= 0xff00 && code < 0xfff0;
  const isLatin = code >= 0x1e00 && code < 0x1f00;
  const isTypographic = code >= 0x2010 && code < 0x2040;
  return isEastAsian || isKorean || isFullWidth || isLatin || isTypographic ? 2 : bytesOf(code);
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xe000;
}
