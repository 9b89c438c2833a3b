import { GatewayError } from '../../domain/errors.ts';
import { type ContentPart, hasImage, type Message, type ToolCall, textOf } from '../../domain/request.ts';
import { toArgumentsObject } from '../tool-arguments.ts';

/** A piece of a message in Google's words (https://ai.google.dev/api/caching#Part). */
export type Part =
  | { text: string }
  | { inlineData: { mimeType: string; data: string } }
  | { functionCall: { id: string; name: string; args: object }; thoughtSignature?: string }
  | { functionResponse: { id: string; name: string; response: { output: string } } };

export type Content = { role: 'user' | 'model'; parts: Part[] };

export type Conversation = { systemInstruction?: { parts: Part[] }; contents: Content[] };

/**
 * From Gemini 3 on, the first call of every step must carry the signature of the thoughts behind it, which our messages
 * have no place for and other models never gave. This one is what Google documents for histories without signatures.
 */
const NO_SIGNATURE = 'skip_thought_signature_validator';

/**
 * The messages as Google takes them. What the system says stands apart and has one place, wherever it was said; messages
 * of one side in a row are one turn. Names of participants are left out: there is no word for them.
 */
export function toConversation(provider: string, messages: readonly Message[], needsSignature: boolean): Conversation {
  const systemParts: Part[] = [];
  const contents: Content[] = [];
  const namesOfCalls = new Map<string, string>();
  const say = (role: Content['role'], parts: Part[]): void => {
    const last = contents.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else contents.push({ role, parts });
  };
  for (const message of messages) {
    if (message.role === 'assistant') {
      for (const call of message.tool_calls ?? []) namesOfCalls.set(call.id, call.function.name);
      say('model', partsOfAnswer(provider, message, needsSignature));
    } else if (message.role === 'tool') {
      const name = namesOfCalls.get(message.tool_call_id);
      if (name === undefined) throw rejected(provider, 'a tool message answers no tool call before it');
      say('user', partsOfToolMessage(provider, message, name));
    } else if (message.role === 'user' || hasImage([message])) {
      // An instruction is text only; with an image in it, it is said at its place.
      say('user', partsOf(provider, message.content));
    } else {
      systemParts.push(...partsOf(provider, message.content));
    }
  }
  if (contents.length === 0) return { contents: [{ role: 'user', parts: systemParts }] };
  return { ...(systemParts.length === 0 ? {} : { systemInstruction: { parts: systemParts } }), contents };
}

type Answer = Extract<Message, { role: 'assistant' }>;

function partsOfAnswer(
  provider: string,
  { content, refusal, tool_calls: calls = [] }: Answer,
  needsSignature: boolean,
): Part[] {
  // Beside tool calls, clients send an empty text.
  const said = [...partsOf(provider, content), ...partsOf(provider, refusal)].filter((part) => !isEmptyText(part));
  const asked = calls.map((call, index) =>
    index === 0 && needsSignature ? { ...partOfCall(call), thoughtSignature: NO_SIGNATURE } : partOfCall(call),
  );
  // A turn without any part is refused.
  return said.length + asked.length === 0 ? [{ text: '' }] : [...said, ...asked];
}

function isEmptyText(part: Part): boolean {
  return 'text' in part && part.text === '';
}

function partOfCall({ id, function: { name, arguments: text } }: ToolCall): Extract<Part, { functionCall: unknown }> {
  return { functionCall: { id, name, args: toArgumentsObject(text) } };
}

/** The text stays a text: read as JSON and written again, a long number in it would be another one. */
function partsOfToolMessage(
  provider: string,
  { content, tool_call_id: id }: Extract<Message, { role: 'tool' }>,
  name: string,
): Part[] {
  const parts: readonly ContentPart[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  const images = parts.filter((part) => part.type === 'image_url');
  return [
    { functionResponse: { id, name, response: { output: textOf(parts.filter((part) => part.type === 'text')) } } },
    ...images.map((part) => partOfImage(provider, part.image_url.url)),
  ];
}

function partsOf(provider: string, content: string | readonly ContentPart[] | null | undefined): Part[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return [{ text: content }];
  return content.map((part) =>
    part.type === 'text' ? { text: part.text } : partOfImage(provider, part.image_url.url),
  );
}

/** How closely it is to be looked at (`detail`) is a hint that only some models take; left out. */
function partOfImage(provider: string, url: string): Part {
  const comma = url.indexOf(',');
  const [, mimeType] = /^data:([\w.+-]+\/[\w.+-]+)(?:;[^;,]*)*;base64$/i.exec(url.slice(0, comma)) ?? [];
  if (mimeType === undefined) throw rejected(provider, 'takes images as data: addresses with base64 only');
  return { inlineData: { mimeType, data: url.slice(comma + 1) } };
}

/** The router leaves Google out for what it cannot be told; this is for what came all the same. */
function rejected(provider: string, problem: string): GatewayError {
  return new GatewayError('REQUEST_REJECTED', `${provider}: ${problem}`, { provider });
}
