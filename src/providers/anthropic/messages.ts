import type { ContentPart, Message, ToolCall } from '../../domain/request.ts';
import { toArgumentsObject } from '../tool-arguments.ts';

/** Messages as the API takes them: the system prompt apart, and turns of user and assistant by turns. */

export type Block =
  | { type: 'text'; text: string }
  | { type: 'image'; source: { type: 'base64'; media_type: string; data: string } | { type: 'url'; url: string } }
  | { type: 'tool_use'; id: string; name: string; input: unknown }
  | { type: 'tool_result'; tool_use_id: string; content?: Content };
type Content = string | Block[];
export type Turn = { role: 'user' | 'assistant'; content: Content };
export type Conversation = { system: Content; messages: Turn[] };

/** What a user says where the API wants one to speak, and in the job none does. */
const AT_THE_START = '.';
const AT_THE_END = 'Go on.';

export function toConversation(messages: readonly Message[]): Conversation {
  const instructions = messages.filter(({ role }) => role === 'system' || role === 'developer');
  const [only, ...others] = instructions;
  const turns = mergeTurns(messages.flatMap(toTurn));
  if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', content: AT_THE_START });
  // Words of the assistant at the end would be taken for the beginning of its answer, which newer models refuse.
  if (turns.at(-1)?.role === 'assistant') turns.push({ role: 'user', content: AT_THE_END });
  return {
    system:
      only !== undefined && others.length === 0
        ? toContent(only.content)
        : instructions.flatMap(({ content }) => toBlocks(content)),
    messages: turns,
  };
}

/** No turn at all for what is empty: the API refuses empty content. A participant's `name` has no place in it. */
function toTurn(message: Message): Turn[] {
  switch (message.role) {
    case 'system':
    case 'developer':
      return [];
    case 'user':
      return turnOf('user', toContent(message.content));
    case 'assistant': {
      const said = toContent(message.content ?? message.refusal);
      const calls = (message.tool_calls ?? []).map(toToolUse);
      return turnOf('assistant', calls.length === 0 ? said : [...blocksOf(said), ...calls]);
    }
    case 'tool': {
      const content = toContent(message.content);
      const result: Block = { type: 'tool_result', tool_use_id: toToolId(message.tool_call_id) };
      return turnOf('user', [content.length === 0 ? result : { ...result, content }]);
    }
  }
}

function turnOf(role: Turn['role'], content: Content): Turn[] {
  return content.length === 0 ? [] : [{ role, content }];
}

/** The results of several calls have to stand in one turn, and turns of one role in a row are one for the API anyway. */
function mergeTurns(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last?.role === turn.role) last.content = [...blocksOf(last.content), ...blocksOf(turn.content)];
    else merged.push({ ...turn });
  }
  return merged;
}

function toContent(content: Message['content']): Content {
  if (typeof content === 'string') return content.trim() === '' ? '' : content;
  return toBlocks(content);
}

function toBlocks(content: Message['content']): Block[] {
  return typeof content === 'string' ? blocksOf(toContent(content)) : (content ?? []).flatMap(toBlock);
}

function blocksOf(content: Content): Block[] {
  if (typeof content !== 'string') return content;
  return content === '' ? [] : [{ type: 'text', text: content }];
}

function toBlock(part: ContentPart): Block[] {
  if (part.type === 'text') return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text }];
  const { url } = part.image_url;
  const [, mediaType, isBase64, data = ''] = /^data:([^;,]*)[^,]*?(;base64)?,(.*)$/is.exec(url) ?? [];
  if (mediaType === undefined) return [{ type: 'image', source: { type: 'url', url } }];
  const encoded = isBase64 ? data : Buffer.from(unescape(data)).toString('base64');
  return [{ type: 'image', source: { type: 'base64', media_type: mediaType, data: encoded } }];
}

function unescape(data: string): string {
  try {
    return decodeURIComponent(data);
  } catch {
    return data;
  }
}

function toToolUse({ id, function: { name, arguments: text } }: ToolCall): Block {
  return { type: 'tool_use', id: toToolId(id), name, input: toArgumentsObject(text) };
}

/** Other providers put into their ids what this one refuses. Different ids stay different, and a pair stays a pair. */
function toToolId(id: string): string {
  return /^[\w-]+$/.test(id) ? id : `call_${Buffer.from(id).toString('base64url')}`;
}
