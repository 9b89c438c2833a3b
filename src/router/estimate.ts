import { type ContentPart, type Message, type SamplingParameters, textOf } from '../domain/request.ts';
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

/** In newer tokenisers: English has 4 to 5 bytes a token, code 3 to 4, Chinese and Japanese about 3. */
const EXPECTED_BYTES_PER_TOKEN = 4;

/** Tools and an answer's schema are sent as text with the prompt, and are billed as such. */
type PromptParameters = Pick<SamplingParameters, 'tools' | 'response_format'>;

export function estimateTokens(messages: readonly Message[], parameters: PromptParameters = {}): TokenEstimate {
  const size = { bytes: 0, mostTokens: 0 };
  let images = 0;
  for (const message of messages) {
    addMessage(size, message);
    images += imagesIn(message.content);
  }
  if (parameters.tools?.length) addText(size, JSON.stringify(parameters.tools));
  if (parameters.response_format?.type === 'json_schema') addText(size, JSON.stringify(parameters.response_format));

  const imageTokens = images * IMAGE_TOKENS;
  const expectedTextTokens = Math.ceil(size.bytes / EXPECTED_BYTES_PER_TOKEN);
  const mostTextTokens = Math.max(size.mostTokens, expectedTextTokens);
  return {
    expected: expectedTextTokens + messages.length * MESSAGE_TOKENS.expected + imageTokens,
    bound: mostTextTokens + messages.length * MESSAGE_TOKENS.bound + CONVERSATION_BOUND_TOKENS + imageTokens,
  };
}

/**
 * Tokens that an answer will probably have. Nothing is known about it before answers of the task have been seen, so half
 * of what it may have stands in: what matters is only how input and output prices weigh against each other.
 */
export function expectedOutputTokens(maxTokens: number): number {
  return Math.ceil(maxTokens / 2);
}

function addMessage(size: TextSize, message: Message): void {
  addText(size, textOf(message.content));
  if ('name' in message && message.name !== undefined) addText(size, message.name);
  if (message.role === 'tool') addText(size, message.tool_call_id);
  if (message.role !== 'assistant') return;
  addText(size, message.refusal ?? '');
  if (message.tool_calls?.length) addText(size, JSON.stringify(message.tool_calls));
}

function addText(size: TextSize, text: string): void {
  const { bytes, mostTokens } = measureText(text);
  size.bytes += bytes;
  size.mostTokens += mostTokens;
}

function imagesIn(content: string | readonly ContentPart[] | null | undefined): number {
  if (content === null || content === undefined || typeof content === 'string') return 0;
  return content.reduce((count, part) => count + (part.type === 'image_url' ? 1 : 0), 0);
}
