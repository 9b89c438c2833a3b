import { z } from 'zod';
import type { ContentPart, Message, ToolCall } from '../../request.ts';
import { defined } from '../defined.ts';
import { uncarried } from '../uncarried.ts';

/** Marks what a provider may keep in its cache: a hint, by which no answer becomes another one. */
export const CacheControl = z.unknown().optional();

const TextBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  citations: z.null().optional(),
  cache_control: CacheControl,
});

const ImageBlock = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('base64'),
      media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']),
      data: z.string(),
    }),
    z.strictObject({ type: z.literal('url'), url: z.string().min(1) }),
  ]),
  transformations: uncarried('only Anthropic has it; leave it out'),
  cache_control: CacheControl,
});

const ToolUseBlock = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string(),
  name: z.string(),
  input: z.record(z.string(), z.json()),
  caller: z.strictObject({ type: z.literal('direct', 'only calls by the model itself can be carried') }).optional(),
  cache_control: CacheControl,
});

const ToolResultBlock = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z
    .union([
      z.string(),
      z
        .array(z.discriminatedUnion('type', [TextBlock, ImageBlock]))
        .min(1)
        .max(1_000),
    ])
    .optional(),
  is_error: z.boolean().optional(),
  cache_control: CacheControl,
});

/** Bound to the model that had them. */
const ThoughtBlock = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('thinking') }),
  z.looseObject({ type: z.literal('redacted_thinking') }),
]);

const blocks = <Block extends z.ZodType>(block: Block) => z.array(block).min(1).max(1_000);

export const SystemContent = z.union([z.string(), blocks(TextBlock)]);

const UserBlock = z.discriminatedUnion('type', [TextBlock, ImageBlock, ToolResultBlock]);
const AssistantBlock = z.discriminatedUnion('type', [TextBlock, ToolUseBlock, ThoughtBlock]);
type Block = z.infer<typeof UserBlock> | z.infer<typeof AssistantBlock>;
type PartBlock = Extract<Block, { type: 'text' | 'image' }>;

export const Turn = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('user'), content: z.union([z.string(), blocks(UserBlock)]) }),
  z.strictObject({ role: z.literal('assistant'), content: z.union([z.string(), blocks(AssistantBlock)]) }),
  z.strictObject({ role: z.literal('system'), content: SystemContent }),
]);
type Turn = z.infer<typeof Turn>;

export function toMessages({ role, content }: Turn): Message[] {
  if (typeof content === 'string') return [{ role, content }];
  switch (role) {
    case 'system':
      return [{ role, content: content.map(toPart) }];
    case 'user':
      return toUserMessages(content);
    case 'assistant':
      return toAssistantMessages(content);
  }
}

/** Results are messages of their own, before whatever else the user says. */
function toUserMessages(content: z.infer<typeof UserBlock>[]): Message[] {
  const results = content.filter((block) => block.type === 'tool_result');
  const said = content.filter((block) => block.type !== 'tool_result');
  return [
    ...results.map(toToolMessage),
    ...(said.length === 0 ? [] : [{ role: 'user' as const, content: toContent(said, results.length > 0) }]),
  ];
}

/** Other models have no mark for a call that failed: it is said. */
const FAILED = 'The tool failed:';

function toToolMessage({ tool_use_id, content = '', is_error: isError }: z.infer<typeof ToolResultBlock>): Message {
  const told = typeof content === 'string' ? content : content.map(toPart);
  const withError = typeof told === 'string' ? `${FAILED} ${told}` : [{ type: 'text' as const, text: FAILED }, ...told];
  return { role: 'tool', tool_call_id: tool_use_id, content: isError === true ? withError : told };
}

/** No message at all for a turn of which only thoughts are known. */
function toAssistantMessages(content: z.infer<typeof AssistantBlock>[]): Message[] {
  const said = content.filter((block) => block.type === 'text');
  const toolCalls = content.flatMap((block) => (block.type === 'tool_use' ? [toToolCall(block)] : []));
  if (said.length === 0 && toolCalls.length === 0) return [];
  const message = defined<Extract<Message, { role: 'assistant' }>>({
    role: 'assistant',
    content: said.length === 0 ? null : toContent(said, toolCalls.length > 0),
    tool_calls: toolCalls.length === 0 ? undefined : toolCalls,
  });
  return [message];
}

/** Beside other blocks a text has to be a block, however simple it is. */
function toContent(said: PartBlock[], isBesideOthers: boolean): string | ContentPart[] {
  const [only, ...others] = said;
  return isBesideOthers && others.length === 0 && only?.type === 'text' ? only.text : said.map(toPart);
}

function toPart(block: PartBlock): ContentPart {
  if (block.type === 'text') return { type: 'text', text: block.text };
  const { source } = block;
  const url = source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
  return { type: 'image_url', image_url: { url } };
}

function toToolCall({ id, name, input }: z.infer<typeof ToolUseBlock>): ToolCall {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(input) } };
}
