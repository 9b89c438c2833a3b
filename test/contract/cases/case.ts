import type { ErrorCode } from '../../../src/domain/errors.ts';
import type { ChatRequest } from '../../../src/domain/request.ts';
import type { Completion } from '../../../src/domain/result.ts';

/** What every provider must be able to say and to understand. A provider's cases name each of these at least once. */
export const REQUIRED_CASES = [
  'a plain answer',
  'a system prompt and a conversation',
  'tool calls',
  'tool results',
  'a JSON object',
  'a JSON schema',
  'an image',
  'stop sequences',
  'reasoning tokens',
  'cached tokens',
  'a refusal',
  'a truncated answer',
  'an empty answer',
  'an error inside a 200',
] as const;

/** One exchange with a provider, in the shape in which its API really sends it. */
export type DialectCase = {
  /** One of REQUIRED_CASES, or a further one. */
  name: string;
  /** What is asked; a single "Say hello." without it. */
  request?: Partial<ChatRequest>;
  /** Parts of the body that must go out (`toMatchObject`), and top-level fields that must not. */
  sends?: { body?: object; without?: readonly string[]; headers?: Record<string, string> };
  /** The answer without streaming: the body, and headers that matter. */
  answers: { body: unknown; headers?: Record<string, string> };
  /** The same answer streamed, as it comes over the wire (`event: ...\ndata: ...\n\n`), where the API can stream it. */
  streams?: string;
  /** What both must come to: parts of the completion, or the error's code. */
  gives: { completion: Partial<Completion> } | { error: ErrorCode };
};

export type DialectCases = {
  /** The provider's configuration besides base_url and allow_private. */
  provider: Record<string, unknown>;
  /** The model's own id in requests. */
  modelId: string;
  cases: readonly DialectCase[];
};
