import { z } from 'zod';

/** As OpenAI's API has it. */
export const MOST_INPUTS = 2_048;

const Text = z.string().min(1);
/** A text that was cut up already, by the tokeniser of the model that is to embed it. */
const Tokens = z.array(z.int().min(0)).min(1);

const Given = z.union([Text, z.array(Text).min(1), Tokens, z.array(Tokens).min(1)]);

/** What is embedded: a text or the tokens of one, or several of them. */
export const EmbeddingInput = Given.refine(
  (input) => inputsOf(input).length <= MOST_INPUTS,
  `must be at most ${MOST_INPUTS} entries`,
);
export type EmbeddingInput = z.infer<typeof Given>;

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
