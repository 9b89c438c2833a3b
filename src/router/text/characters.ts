/** What a UTF-16 code unit is to a reader of words. */
export const KIND = { nothing: 0, blank: 1, newline: 2, letter: 3, digit: 4, symbol: 5 } as const;

const CODE_UNITS = 0x1_00_00;
/** From here on most letters are words of their own, written without blanks between them. */
const FIRST_IDEOGRAPH = 0x2e_80;
const FULL_WIDTH = { first: 0xff_01, last: 0xff_5e, offset: 0xfe_e0 };

/**
 * By code unit: its kind, and what it counts as. Letters lose their case and their accents, digits are all 0, full-width ones are plain,
 * marks that nobody sees are nothing at all: what looks the same to a person is mostly the same word.
 */
export type Characters = { readonly kinds: Uint8Array; readonly folded: Uint16Array };

let table: Characters | undefined;

/** Made at the first call, within a few milliseconds. */
export function characters(): Characters {
  table ??= describeCodeUnits();
  return table;
}

function describeCodeUnits(): Characters {
  const kinds = new Uint8Array(CODE_UNITS).fill(KIND.symbol);
  const folded = Uint16Array.from({ length: CODE_UNITS }, (_, code) => code);
  for (let code = 0; code < FIRST_IDEOGRAPH; code += 1) describe(code, code);
  for (let code = FULL_WIDTH.first; code <= FULL_WIDTH.last; code += 1) describe(code, code - FULL_WIDTH.offset);
  for (const code of [0x30_00, 0xfe_ff]) describe(code, code);
  return { kinds, folded };

  function describe(code: number, as: number): void {
    const character = String.fromCharCode(as);
    const kind = kindOf(character);
    kinds[code] = kind;
    folded[code] = (kind === KIND.digit ? '0' : character.normalize('NFKD').toLowerCase()).charCodeAt(0);
  }
}

function kindOf(character: string): number {
  if (character === '\n') return KIND.newline;
  if (/\s/.test(character) && character !== '\ufeff') return KIND.blank;
  if (/\p{Letter}/u.test(character)) return KIND.letter;
  if (/\p{Number}/u.test(character)) return KIND.digit;
  return /[\p{Mark}\p{Format}\p{Control}]/u.test(character) ? KIND.nothing : KIND.symbol;
}
