import { z } from 'zod';
import { kindOfHost } from './address.ts';
import type { EmbeddingRequest } from './embedding.ts';

/** Chat messages and parameters in OpenAI's words: the one normal form inside Sluice. */

const TextPart = z.strictObject({ type: z.literal('text'), text: z.string() });
/**
 * Where a picture is, for the provider to fetch, or the picture itself. A model server of one's own would fetch anything:
 * addresses at which credentials are handed out are for nobody, and so are files.
 */
const ImageUrl = z.string().refine((url) => {
  if (url.startsWith('data:')) return true;
  return /^https?:/i.test(url) && URL.canParse(url) && kindOfHost(new URL(url).hostname) !== 'forbidden';
}, 'expected an address that begins with https:, http: or data:');

const ImagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: ImageUrl, detail: z.enum(['auto', 'low', 'high']).optional() }),
});
const ContentPart = z.discriminatedUnion('type', [TextPart, ImagePart]);
export type ContentPart = z.infer<typeof ContentPart>;

const Content = z.union([z.string(), z.array(ContentPart).min(1).max(1_000)]);

export const ToolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});
export type ToolCall = z.infer<typeof ToolCall>;

const name = z.string().max(64).optional();
export const Message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), content: Content, name }),
  z.strictObject({ role: z.literal('developer'), content: Content, name }),
  z.strictObject({ role: z.literal('user'), content: Content, name }),
  z.strictObject({
    role: z.literal('assistant'),
    content: Content.nullish(),
    refusal: z.string().nullish(),
    tool_calls: z.array(ToolCall).max(1_000).optional(),
    name,
  }),
  z.strictObject({ role: z.literal('tool'), content: Content, tool_call_id: z.string() }),
]);
export type Message = z.infer<typeof Message>;

const JsonObject = z.record(z.string(), z.json());

const Tool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: z.string().regex(/^[\w-]{1,64}$/, 'use 1 to 64 letters, digits or _ -'),
    description: z.string().optional(),
    parameters: JsonObject.optional(),
    strict: z.boolean().nullish(),
  }),
});

const ToolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) }),
]);

const ResponseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string(),
      description: z.string().optional(),
      schema: JsonObject.optional(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** What a caller may say about how the answer is made; handed to the provider as it is. */
export const SamplingParameters = z.strictObject({
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  seed: z.int().optional(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
  response_format: ResponseFormat.optional(),
  tools: z.array(Tool).max(128).optional(),
  tool_choice: ToolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
});
export type SamplingParameters = z.infer<typeof SamplingParameters>;

/** What a model that chats is asked: the request as the providers' adapters get it. */
export type ChatRequest = {
  messages: readonly Message[];
  /** Always sent: without it neither cost nor latency has a bound. */
  maxTokens: number;
  parameters: SamplingParameters;
};

/** What a model is asked, of either sort. */
export type ModelRequest = ChatRequest | EmbeddingRequest;

export function isEmbeddingRequest(request: ModelRequest): request is EmbeddingRequest {
  return 'inputs' in request;
}

/** The texts of a message, image parts left out. */
export function textOf(content: string | readonly ContentPart[] | null | undefined): string {
  if (content === null || content === undefined) return '';
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
}

export function hasImage(messages: readonly Message[]): boolean {
  return messages.some(
    (message) => Array.isArray(message.content) && message.content.some((part) => part.type === 'image_url'),
  );
}
