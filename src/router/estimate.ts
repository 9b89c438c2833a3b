import type { EmbeddingRequest } from '../domain/embedding.ts';
import { type Message, type SamplingParameters, textOf } from '../domain/request.ts';
import { measureText, type TextSize } from './text-size.ts';

/**
 * Tokens of a prompt, without a tokeniser: every provider has its own, and the router must not spend milliseconds on a
 * decision. `expected` is near what a provider will count, `bound` is what it will hardly ever exceed; see `measureText`.
 */
export type TokenEstimate = { expected: number; bound: number };

/** Role and separators around a message. */
const MESSAGE_TOKENS = { expected: 4, bound: 8 };

/** What surrounds the whole conversation: beginning, end, the opening of the answer. */
const CONVERSATION_BOUND_TOKENS = 16;

/** One image, whatever its size: above OpenAI's 765 and Anthropic's 1,600 for one at full detail. */
const IMAGE_TOKENS = 1_600;

/**
 * In newer tokenisers. In ASCII the kinds of characters tell more than the length: prose has 4 to 5 bytes a token, tables
 * and numbers 1.5, and `mostTokens` is 1.5 to 2.6 times what both have. Of other scripts it is up to 9 times, and bytes
 * tell more: Chinese and Japanese have 3 to 5 a token, Russian and Hindi 8 to 10.
 */
const MOST_PER_EXPECTED_TOKEN = 2.2;
const WIDE_BYTES_PER_TOKEN = 4;

/** Tools and an answer's schema are sent as text with the prompt, and are billed as such. */
type PromptParameters = Pick<SamplingParameters, 'tools' | 'response_format'>;

export function estimateTokens(messages: readonly Message[], parameters: PromptParameters = {}): TokenEstimate {
  const size = { characters: 0, bytes: 0, mostTokens: 0 };
  forEachText(messages, parameters, (text) => addText(size, text));
  const expectedTextTokens = expectedTokens(size);
  const mostTextTokens = Math.max(size.mostTokens, expectedTextTokens);
  const imageTokens = imageTokensOf(messages);
  return {
    expected: expectedTextTokens + messages.length * MESSAGE_TOKENS.expected + imageTokens,
    bound: mostTextTokens + messages.length * MESSAGE_TOKENS.bound + CONVERSATION_BOUND_TOKENS + imageTokens,
  };
}

/** What begins and ends an input that is embedded. */
const INPUT_BOUND_TOKENS = 2;

/** Tokens of what is to be embedded, all inputs together, and the expected ones of the longest. */
export function estimateInputs(inputs: EmbeddingRequest['inputs']): TokenEstimate & { longest: number } {
  const sum = { expected: 0, bound: 0, longest: 0 };
  for (const input of inputs) {
    const { expected, bound } = typeof input === 'string' ? estimateText(input) : countedTokens(input.length);
    sum.expected += expected;
    sum.bound += bound + INPUT_BOUND_TOKENS;
    sum.longest = Math.max(sum.longest, expected);
  }
  return sum;
}

function estimateText(text: string): TokenEstimate {
  const size = { characters: 0, bytes: 0, mostTokens: 0 };
  addText(size, text);
  const expected = expectedTokens(size);
  return { expected, bound: Math.max(size.mostTokens, expected) };
}

function countedTokens(count: number): TokenEstimate {
  return { expected: count, bound: count };
}

/**
 * The tokens of a prompt by the tokeniser of OpenAI's models since gpt-4o (o200k): what they will count, to a few tokens,
 * and near what others will. Loading it takes 0.2 s and 75 MB, counting some milliseconds for each 20 kB: for a person who
 * looks at one prompt, and not for decisions.
 */
export async function loadTokenCounter(): Promise<
  (messages: readonly Message[], parameters?: PromptParameters) => number
> {
  const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
  // What looks like a mark of the conversation's structure is text like any other.
  const asText = { disallowedSpecial: new Set<string>() };
  return (messages, parameters = {}) => {
    let tokens = messages.length * MESSAGE_TOKENS.expected + imageTokensOf(messages);
    forEachText(messages, parameters, (text) => {
      tokens += countTokens(text, asText);
    });
    return tokens;
  };
}

/**
 * Tokens that an answer will probably have: as many as answers of the task usually have (`usualTokens`). While none has
 * been seen (NaN), half of what it may have stands in: what matters is only how input and output prices weigh against
 * each other.
 */
export function expectedOutputTokens(maxTokens: number, usualTokens: number): number {
  return Number.isNaN(usualTokens) ? Math.ceil(maxTokens / 2) : Math.min(maxTokens, usualTokens);
}

type PromptSize = TextSize & { characters: number };

function expectedTokens({ characters, bytes, mostTokens }: PromptSize): number {
  if (bytes === 0) return 0;
  // Two bytes for one character, or three, are a byte more or two: with half of the bytes all of the text is wide.
  const wideShare = Math.min(1, (2 * (bytes - characters)) / bytes);
  return Math.ceil(
    (wideShare * bytes) / WIDE_BYTES_PER_TOKEN + ((1 - wideShare) * mostTokens) / MOST_PER_EXPECTED_TOKEN,
  );
}

/** All that is sent as text. */
function forEachText(
  messages: readonly Message[],
  { tools, response_format: format }: PromptParameters,
  visit: (text: string) => void,
): void {
  for (const message of messages) {
    visit(textOf(message.content));
    if ('name' in message && message.name !== undefined) visit(message.name);
    if (message.role === 'tool') visit(message.tool_call_id);
    if (message.role !== 'assistant') continue;
    visit(message.refusal ?? '');
    if (message.tool_calls?.length) visit(JSON.stringify(message.tool_calls));
  }
  if (tools?.length) visit(JSON.stringify(tools));
  if (format?.type === 'json_schema') visit(JSON.stringify(format));
}

function addText(size: PromptSize, text: string): void {
  const { bytes, mostTokens } = measureText(text);
  size.characters += text.length;
  size.bytes += bytes;
  size.mostTokens += mostTokens;
}

function imageTokensOf(messages: readonly Message[]): number {
  let images = 0;
  for (const { content } of messages) {
    if (Array.isArray(content)) for (const part of content) images += part.type === 'image_url' ? 1 : 0;
  }
  return images * IMAGE_TOKENS;
}
