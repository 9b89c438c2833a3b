import { z } from 'zod';
import type { ContentPart, Message, ToolCall } from '../../request.ts';
import { defined } from '../defined.ts';
import { uncarried } from '../uncarried.ts';

/** What the API tells of an item that it gave out, and what marks a place for a provider's cache: nothing is asked by it. */
const told = z.unknown().optional();

const InputText = z.strictObject({ type: z.literal('input_text'), text: z.string(), prompt_cache_breakpoint: told });

const InputImage = z.strictObject({
  type: z.literal('input_image'),
  image_url: z.string().min(1),
  detail: z.enum(['auto', 'low', 'high', 'original']).nullish(),
  file_id: uncarried('files are not handed to models here; put the image into image_url'),
  prompt_cache_breakpoint: told,
});

const OutputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: told,
  logprobs: told,
});

const Refusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string() });

const parts = <Part extends z.ZodType>(part: Part) => z.array(part).min(1).max(1_000);
const InputContent = z.union([z.string(), parts(z.discriminatedUnion('type', [InputText, InputImage]))]);
const OutputContent = z.union([z.string(), parts(z.discriminatedUnion('type', [OutputText, InputText, Refusal]))]);

const ofMessage = { type: z.literal('message'), id: told, status: told, phase: told };
const MessageItem = z.discriminatedUnion('role', [
  z.strictObject({ ...ofMessage, role: z.literal('user'), content: InputContent }),
  z.strictObject({ ...ofMessage, role: z.literal('system'), content: InputContent }),
  z.strictObject({ ...ofMessage, role: z.literal('developer'), content: InputContent }),
  z.strictObject({ ...ofMessage, role: z.literal('assistant'), content: OutputContent }),
]);

const caller = z.looseObject({ type: z.literal('direct', 'only calls by the model itself can be carried') }).nullish();

const FunctionCall = z.strictObject({
  type: z.literal('function_call'),
  call_id: z.string().min(1),
  name: z.string().min(1),
  arguments: z.string(),
  id: told,
  status: told,
  created_by: told,
  parsed_arguments: told,
  caller,
  namespace: uncarried('only tools of type function can be carried to other models'),
});

const FunctionCallOutput = z.strictObject({
  type: z.literal('function_call_output'),
  call_id: z.string().min(1),
  output: InputContent,
  id: told,
  status: told,
  created_by: told,
  caller,
});

/** Bound to the model that thought it. */
const Reasoning = z.looseObject({ type: z.literal('reasoning') });

const Reference = z
  .looseObject({ type: z.literal('item_reference') })
  .refine(() => false, 'answers are not stored here; send the item itself');

export const Item = z.discriminatedUnion('type', [MessageItem, FunctionCall, FunctionCallOutput, Reasoning, Reference]);
type Item = z.infer<typeof Item>;

/** Items of a message may leave their type out; with it, every item is told from the others by it. */
export function withItemTypes(body: unknown): unknown {
  if (!isFields(body) || !Array.isArray(body['input'])) return body;
  return {
    ...body,
    input: body['input'].map((item) =>
      isFields(item) && 'role' in item && item['type'] === undefined ? { ...item, type: 'message' } : item,
    ),
  };
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type AssistantMessage = Extract<Message, { role: 'assistant' }>;

/** What the assistant says and calls in one turn are items here, and one message in a job. */
export function toMessages(items: readonly Item[]): Message[] {
  const messages: Message[] = [];
  for (const item of items) {
    const last = messages.at(-1);
    if (item.type === 'function_call') {
      if (last?.role === 'assistant') last.tool_calls = [...(last.tool_calls ?? []), toToolCall(item)];
      else messages.push({ role: 'assistant', content: null, tool_calls: [toToolCall(item)] });
    } else if (item.type === 'function_call_output') {
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: toContent(item.output) });
    } else if (item.type === 'message') {
      const message = toMessage(item);
      const isBehindCalls = message.role === 'assistant' && last?.role === 'assistant' && last.tool_calls !== undefined;
      // Results have to follow upon the calls: nothing may stand in between.
      if (isBehindCalls) Object.assign(last, joined(last, message));
      else messages.push(message);
    }
  }
  return messages;
}

function joined(before: AssistantMessage, after: AssistantMessage): Partial<AssistantMessage> {
  if (!before.content) return after;
  return { ...after, content: [...toParts(before.content), ...toParts(after.content)] };
}

function toParts(content: AssistantMessage['content']): ContentPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content ?? [];
}

type MessageItem = z.infer<typeof MessageItem>;

function toMessage(item: MessageItem): Message {
  if (item.role !== 'assistant') return { role: item.role, content: toContent(item.content) };
  if (typeof item.content === 'string') return { role: 'assistant', content: item.content };
  const texts = item.content.flatMap((part) => (part.type === 'refusal' ? [] : [part.text]));
  const refusals = item.content.flatMap((part) => (part.type === 'refusal' ? [part.refusal] : []));
  return defined<AssistantMessage>({
    role: 'assistant',
    content: texts.length > 1 ? texts.map((text) => ({ type: 'text', text })) : (texts[0] ?? null),
    refusal: refusals.length > 0 ? refusals.join('\n') : undefined,
  });
}

function toContent(content: z.infer<typeof InputContent>): string | ContentPart[] {
  if (typeof content === 'string') return content;
  const [only, ...others] = content;
  return others.length === 0 && only?.type === 'input_text' ? only.text : content.map(toPart);
}

function toPart(part: Exclude<z.infer<typeof InputContent>, string>[number]): ContentPart {
  if (part.type === 'input_text') return { type: 'text', text: part.text };
  const { image_url: url, detail } = part;
  if (!detail) return { type: 'image_url', image_url: { url } };
  // As it is, is as high as it gets elsewhere.
  return { type: 'image_url', image_url: { url, detail: detail === 'original' ? 'high' : detail } };
}

function toToolCall({ call_id, name, arguments: text }: z.infer<typeof FunctionCall>): ToolCall {
  return { id: call_id, type: 'function', function: { name, arguments: text } };
}
