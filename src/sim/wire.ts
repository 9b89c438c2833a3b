import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Reply } from './reply.ts';

/** What the planner understands of a request, whichever API it came over; in the words of OpenAI's. */

const Part = z.object({ type: z.string(), text: z.string().optional() });
const Message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(Part)]).nullish(),
});
const Tool = z.object({ function: z.object({ name: z.string(), parameters: z.unknown() }) });

/** Everything else passes, as clients expect. */
export const ChatRequest = z.object({
  model: z.string().min(1),
  messages: z.array(Message).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  reasoning_effort: z.string().nullish(),
  n: z.literal(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  response_format: z.object({ type: z.string(), json_schema: z.object({ schema: z.unknown() }).optional() }).nullish(),
  tools: z.array(Tool).nullish(),
  tool_choice: z.union([z.string(), z.object({ function: z.object({ name: z.string() }) })]).nullish(),
});
export type ChatRequest = z.infer<typeof ChatRequest> & {
  /** Asks for a vector of each message instead of an answer. */
  embed?: { dimensions: number | undefined; asBase64: boolean };
};

export type FinishReason = 'stop' | 'length' | 'tool_calls';

/** A call of a tool; `arguments` is JSON. */
export type ToolCall = { name: string; arguments: string };

export type Completion = {
  /** `sim000000001`: counted from the start. */
  id: string;
  /** Unix time in seconds. */
  created: number;
  model: string;
  text: string;
  /** What was thought before it was said; empty unless the request asks for thinking. */
  reasoning: string;
  toolCall?: ToolCall;
  finishReason: FinishReason;
  inputTokens: number;
  /** What was thought is in it. */
  outputTokens: number;
  /** In place of a text. */
  embeddings?: { vectors: readonly Float32Array[]; asBase64: boolean };
  /** What goes on the bill. */
  costNanos: number;
};

/** Why a request is refused: 401 is a bad key; with a message it is the request's own fault. */
export type Refusal = { status: number; model?: string; message?: string; retryAfterSeconds?: number };

/** As it is sent, and how many characters it brings of what the model has written: said, called or thought. */
export type StreamEvent = { text: string; characters: number };

/** How a provider's API looks from outside. What is said, when, and whether at all, is decided alike for all of them. */
export type Wire = {
  /** What this API does with such a request; undefined when it is none of its own. */
  purposeOf(method: string, path: string, headers: IncomingHttpHeaders): 'chat' | 'models' | 'key' | undefined;
  keyOf(headers: IncomingHttpHeaders): string | undefined;
  /** Sent with every answer, where the API has some of its own. */
  headers?(): Record<string, string>;
  /** The request in the planner's words, or what is wrong with it. */
  read(body: unknown, path: string): ChatRequest | string;
  completionBody(completion: Completion): string;
  /** The same answer as server-sent events. */
  events(completion: Completion, request: ChatRequest): StreamEvent[];
  /** Not every API has the status or the header for it that others have. */
  refuse(refusal: Refusal): Reply;
  /** How a stream says that it failed; without it the body of `refuse` as an event. */
  failureEvent?(completion: Completion, status: number): string;
  /** What the API tells about the key, where it can be asked. */
  keyBody?(): string;
  modelsBody(ids: readonly string[], created: number): string;
};

/** Checks a request that has been put into the planner's words; what is wrong with it comes back as one sentence. */
export function readChatRequest(value: unknown): ChatRequest | string {
  const result = ChatRequest.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
}

/** Tokens are counted by a simple rule: four characters each, rounded up. */
export const CHARACTERS_PER_TOKEN = 4;

export function countTokens(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}

/** The text of a message; parts that are not text do not count. */
export function textOf(message: ChatRequest['messages'][number]): string {
  if (typeof message.content === 'string') return message.content;
  return (message.content ?? []).map((part) => part.text ?? '').join('\n');
}

const TOKENS_PER_PIECE = 4;
export const CHARACTERS_PER_PIECE = TOKENS_PER_PIECE * CHARACTERS_PER_TOKEN;

/** The text as it is streamed. */
export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length; start += CHARACTERS_PER_PIECE) {
    pieces.push(text.slice(start, start + CHARACTERS_PER_PIECE));
  }
  return pieces;
}
