import { type ContentPart, type Message, type SamplingParameters, textOf } from '../domain/request.ts';

/**
 * Tokens without a tokeniser: every provider has its own, and the router must not spend milliseconds on a decision.
 *
 * `expected` is what an English text comes to: a quarter of its characters. `bound` is half of its UTF-8 bytes, because
 * byte-pair tokenisers hardly ever go below two bytes a token on prose, code and JSON, in any of the large scripts. It
 * is a bound in practice and not a proof: base64 (1.4 bytes a token with o200k and cl100k), single digits between blanks
 * (1.0) and rare scripts (1.0 to 1.4) go above it.
 */
export type TokenEstimate = { expected: number; bound: number };

const CHARACTERS_PER_TOKEN = 4;
const LEAST_BYTES_PER_TOKEN = 2;

/** Role and separators around a message. */
const MESSAGE_TOKENS = { expected: 4, bound: 8 };

/** What surrounds the whole conversation: beginning, end, the opening of the answer. */
const CONVERSATION_BOUND_TOKENS = 16;

/** One image, whatever its size: above OpenAI's 765 and Anthropic's 1,600 for one at full detail. */
export const IMAGE_TOKENS = 1_600;

/** Tools and an answer's schema are sent as text with the prompt, and are billed as such. */
type PromptParameters = Pick<SamplingParameters, 'tools' | 'response_format'>;

export function estimateTokens(messages: readonly Message[], parameters: PromptParameters = {}): TokenEstimate {
  const size = { characters: 0, bytes: 0, images: 0 };
  for (const message of messages) addMessage(size, message);
  if (parameters.tools?.length) addText(size, JSON.stringify(parameters.tools));
  if (parameters.response_format?.type === 'json_schema') addText(size, JSON.stringify(parameters.response_format));

  const imageTokens = size.images * IMAGE_TOKENS;
  return {
    expected:
      Math.ceil(size.characters / CHARACTERS_PER_TOKEN) + messages.length * MESSAGE_TOKENS.expected + imageTokens,
    bound:
      Math.ceil(size.bytes / LEAST_BYTES_PER_TOKEN) +
      messages.length * MESSAGE_TOKENS.bound +
      CONVERSATION_BOUND_TOKENS +
      imageTokens,
  };
}

/**
 * Tokens that an answer will probably have. Nothing is known about it before answers of the task have been seen, so half
 * of what it may have stands in: what matters is only how input and output prices weigh against each other.
 */
export function expectedOutputTokens(maxTokens: number): number {
  return Math.ceil(maxTokens / 2);
}

type Size = { characters: number; bytes: number; images: number };

function addMessage(size: Size, message: Message): void {
  addText(size, textOf(message.content));
  size.images += imagesIn(message.content);
  if ('name' in message && message.name !== undefined) addText(size, message.name);
  if (message.role === 'tool') addText(size, message.tool_call_id);
  if (message.role !== 'assistant') return;
  addText(size, message.refusal ?? '');
  if (message.tool_calls?.length) addText(size, JSON.stringify(message.tool_calls));
}

function addText(size: Size, text: string): void {
  size.characters += text.length;
  size.bytes += Buffer.byteLength(text);
}

function imagesIn(content: string | readonly ContentPart[] | null | undefined): number {
  if (content === null || content === undefined || typeof content === 'string') return 0;
  return content.reduce((count, part) => count + (part.type === 'image_url' ? 1 : 0), 0);
}
