import { z } from 'zod';

/** As OpenAI's API has it. */
const MOST_INPUTS = 2_048;

/**
 * What is embedded: a text, or the tokens of one that was cut up already by the tokeniser of the model that is to embed it;
 * or several of either. Looked at by hand: a union of schemas would tell a problem for each of a hundred thousand tokens.
 */
export const EmbeddingInput = z.custom<string | string[] | number[] | number[][]>(
  (input) => problemOfInput(input) === undefined,
  { error: ({ input }) => problemOfInput(input) ?? '' },
);
export type EmbeddingInput = z.infer<typeof EmbeddingInput>;

function problemOfInput(input: unknown): string | undefined {
  if (isText(input) || isTokenList(input)) return undefined;
  if (input === '') return 'must not be empty';
  if (!Array.isArray(input)) return 'expected a text, tokens, or a list of either';
  if (input.length === 0) return 'must not be empty';
  if (input.length > MOST_INPUTS) return `must be at most ${MOST_INPUTS} entries`;
  if (input.every(isText) || input.every(isTokenList)) return undefined;
  if (input.includes('')) return 'none of its texts may be empty';
  return 'expected texts, or lists of tokens (whole numbers), and not both';
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTokenList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((token) => Number.isSafeInteger(token) && token >= 0);
}

/** Of the vectors, for models that can make shorter ones. */
export const Dimensions = z.int().min(1).max(65_536);

/** What a model that embeds is asked: for a vector of each input, in their order. */
export type EmbeddingRequest = {
  inputs: readonly (string | readonly number[])[];
  dimensions?: number;
};

/** One by one, whichever way they were given. */
export function inputsOf(input: EmbeddingInput): EmbeddingRequest['inputs'] {
  if (typeof input === 'string') return [input];
  return isTokens(input) ? [input] : input;
}

function isTokens(input: Exclude<EmbeddingInput, string>): input is number[] {
  return typeof input[0] === 'number';
}

/** A vector as it is kept and sent on: base64 of its numbers as little-endian float32, a third of what JSON takes. */
export function encodeVector(numbers: ArrayLike<number>): string {
  const bytes = Buffer.alloc(numbers.length * FLOAT_BYTES);
  for (let index = 0; index < numbers.length; index += 1) {
    bytes.writeFloatLE(numbers[index] as number, index * FLOAT_BYTES);
  }
  return bytes.toString('base64');
}

export function decodeVector(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  const numbers = new Float32Array(Math.floor(bytes.length / FLOAT_BYTES));
  for (let index = 0; index < numbers.length; index += 1) numbers[index] = bytes.readFloatLE(index * FLOAT_BYTES);
  return numbers;
}

/** A vector as a list in JSON. Its numbers are written as they are: to shorten them first takes four times as long. */
export function vectorToJson(base64: string): string {
  const text = decodeVector(base64).join(',');
  // What is beyond a float32 has no word in JSON.
  return `[${text.replaceAll(/-?Infinity|NaN/g, 'null')}]`;
}

const FLOAT_BYTES = 4;
