import type { OpenAI } from 'openai';
import { expect, test } from 'vitest';
import type { ContentPart, Message, SamplingParameters } from '../../src/domain/request.ts';
import { createOpenAiDialect } from '../../src/providers/chat/dialect.ts';
import { MODEL } from '../support/upstream.ts';

/**
 * What we send, held against the types of OpenAI's own client. Most of it is checked by the compiler: a field that our
 * schema allows and OpenAI's does not is an error of the types of this file. The tests tie those types to what goes out.
 */

/** A value as JSON carries it: what is undefined is not there. */
type Sent<Value> = Value extends readonly (infer Item)[]
  ? Sent<Item>[]
  : Value extends object
    ? { [Name in keyof Value]: Sent<Exclude<Value[Name], undefined>> }
    : Value;

type TextPart = Extract<ContentPart, { type: 'text' }>;

/** OpenAI takes images from the user alone. Others that speak its API take them elsewhere, too, and so does our schema. */
type WithoutOddImages<Spoken> = Spoken extends { role: 'user' }
  ? Spoken
  : Spoken extends { content: unknown }
    ? Omit<Spoken, 'content'> & { content: string | TextPart[] }
    : Spoken extends { content?: unknown }
      ? Omit<Spoken, 'content'> & { content?: string | TextPart[] | null }
      : never;

type Conversation = Sent<WithoutOddImages<Message>>[];
type Body = OpenAI.Chat.ChatCompletionCreateParams;

/** The body by the types of our own words, which the compiler holds against those of the client. */
function bodyOf(messages: Conversation, parameters: Sent<SamplingParameters>): Body {
  return { model: MODEL.id, messages, max_completion_tokens: 64, ...parameters } satisfies Body;
}

const MESSAGES: Conversation = [
  { role: 'developer', content: 'Be brief.' },
  { role: 'system', content: [{ type: 'text', text: 'Be kind.' }], name: 'house' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } },
    ],
  },
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
  },
  { role: 'tool', tool_call_id: 'call_1', content: 'a dot' },
];

/** Every parameter that there is, so that none can be added without being looked at here. */
const PARAMETERS: Required<Sent<SamplingParameters>> = {
  temperature: 0.5,
  top_p: 0.9,
  seed: 7,
  stop: ['END'],
  frequency_penalty: 0.1,
  presence_penalty: -0.1,
  reasoning_effort: 'low',
  response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' }, strict: true } },
  tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' }, strict: true } }],
  tool_choice: { type: 'function', function: { name: 'look' } },
  parallel_tool_calls: false,
};

const dialect = createOpenAiDialect('openai', { base_url: 'https://api.openai.com/v1' });
const asked = { messages: MESSAGES, maxTokens: 64, parameters: PARAMETERS };

test('what goes to OpenAI is a body that its client could have sent', () => {
  const expected: Body = bodyOf(MESSAGES, PARAMETERS);
  expect(dialect.toRequest(MODEL, asked, { stream: false }).body).toEqual(expected);
});

test('so it is with a tier, and streamed', () => {
  const model = { ...MODEL, request: { ...MODEL.request, service_tier: 'flex' as const } };
  const expected: Body = {
    ...bodyOf(MESSAGES, PARAMETERS),
    service_tier: model.request.service_tier,
    stream: true,
    stream_options: { include_usage: true },
  };
  expect(dialect.toRequest(model, asked, { stream: true }).body).toEqual(expected);
});

test('the shortest request is one, too', () => {
  const messages: Conversation = [{ role: 'user', content: 'Say hello.' }];
  const body: Body = bodyOf(messages, {});
  expect(dialect.toRequest(MODEL, { messages, maxTokens: 64, parameters: {} }, { stream: false }).body).toEqual(body);
});
