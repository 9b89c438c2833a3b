import type { SamplingParameters } from '../../../src/domain/request.ts';
import type { DialectCase } from './case.ts';

import { chatBody, chatStream, eventsOf, type Fields } from './chat-wire.ts';

const WEATHER_TOOL: NonNullable<SamplingParameters['tools']>[number] = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

const SCHEMA = {
  type: 'object',
  properties: { answer: { type: 'string' } },
  required: ['answer'],
  additionalProperties: false,
};

const PIXEL = 'data:image/png;base64,iVBORw0KGgo=';

const asking = (role: 'assistant', ...names: [id: string, city: string][]): Fields => ({
  role,
  tool_calls: names.map(([id, city]) => ({
    id,
    type: 'function',
    function: { name: 'get_weather', arguments: `{"city":"${city}"}` },
  })),
});

/** The cases that all who speak chat completions have in common, all required ones among them; `maxTokensField` is where the limit on the answer goes, `developer` what becomes of that role. */
export function chatCases(maxTokensField: string, developer: 'developer' | 'system'): DialectCase[] {
  const otherField = maxTokensField === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
  return [
    {
      name: 'a plain answer',
      request: { parameters: { temperature: 0.5, seed: 7 } },
      sends: {
        body: {
          messages: [{ role: 'user', content: 'Say hello.' }],
          [maxTokensField]: 64,
          temperature: 0.5,
          seed: 7,
        },
        without: [otherField],
      },
      answers: { body: chatBody({ content: 'Héllo 👋 world' }) },
      streams: chatStream([{ content: 'Héllo' }, { content: ' 👋' }, { content: ' world' }]),
      gives: {
        completion: {
          content: 'Héllo 👋 world',
          finish_reason: 'stop',
          usage: { input_tokens: 12, output_tokens: 3 },
          response_id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
        },
      },
    },
    {
      name: 'a system prompt and a conversation',
      request: {
        messages: [
          { role: 'developer', content: 'Be brief.' },
          { role: 'user', content: 'Two and two?' },
          { role: 'assistant', content: 'Four.' },
          { role: 'user', content: [{ type: 'text', text: 'And three?' }] },
        ],
      },
      sends: {
        body: {
          messages: [
            { role: developer, content: 'Be brief.' },
            { role: 'user', content: 'Two and two?' },
            { role: 'assistant', content: 'Four.' },
            { role: 'user', content: [{ type: 'text', text: 'And three?' }] },
          ],
        },
      },
      answers: { body: chatBody({ content: 'Seven.' }) },
      streams: chatStream([{ content: 'Seven.' }]),
      gives: { completion: { content: 'Seven.' } },
    },
    ...toolCases(),
    ...jsonCases(),
    {
      name: 'an image',
      request: {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is this?' },
              { type: 'image_url', image_url: { url: PIXEL, detail: 'low' } },
            ],
          },
        ],
      },
      sends: {
        body: {
          messages: [{ content: [{ type: 'text' }, { type: 'image_url', image_url: { url: PIXEL, detail: 'low' } }] }],
        },
      },
      answers: { body: chatBody({ content: 'A dot.' }) },
      streams: chatStream([{ content: 'A dot.' }]),
      gives: { completion: { content: 'A dot.' } },
    },
    {
      name: 'stop sequences',
      request: { parameters: { stop: ['END', '###'] } },
      sends: { body: { stop: ['END', '###'] } },
      answers: { body: chatBody({ content: 'before' }) },
      streams: chatStream([{ content: 'before' }]),
      gives: { completion: { content: 'before', finish_reason: 'stop' } },
    },
    ...usageCases(),
    ...endingCases(),
  ];
}

const piece = (index: number, fields: Fields, id?: string): Fields => ({
  tool_calls: [{ index, ...(id ? { id, type: 'function' } : {}), function: fields }],
});

function toolCases(): DialectCase[] {
  const called = asking('assistant', ['call_a', 'Oslo'], ['call_b', 'Rome']);
  return [
    {
      name: 'tool calls',
      request: { parameters: { tools: [WEATHER_TOOL], tool_choice: 'required', parallel_tool_calls: true } },
      sends: { body: { tools: [WEATHER_TOOL], tool_choice: 'required', parallel_tool_calls: true } },
      answers: { body: chatBody(called, 'tool_calls') },
      streams: chatStream(
        [
          piece(0, { name: 'get_weather', arguments: '' }, 'call_a'),
          piece(0, { arguments: '{"ci' }),
          piece(0, { arguments: 'ty":"Oslo"}' }),
          piece(1, { name: 'get_weather', arguments: '' }, 'call_b'),
          piece(1, { arguments: '{"city":"Rome"}' }),
        ],
        'tool_calls',
      ),
      gives: {
        completion: {
          content: null,
          finish_reason: 'tool_calls',
          tool_calls: [
            { id: 'call_a', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } },
            { id: 'call_b', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Rome"}' } },
          ],
        },
      },
    },
    {
      name: 'tool results',
      request: {
        messages: [
          { role: 'user', content: 'The weather in Oslo?' },
          {
            role: 'assistant',
            tool_calls: [
              { id: 'call_a', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } },
            ],
          },
          { role: 'tool', tool_call_id: 'call_a', content: 'rain' },
        ],
        parameters: { tools: [WEATHER_TOOL] },
      },
      sends: {
        body: {
          messages: [
            { role: 'user' },
            asking('assistant', ['call_a', 'Oslo']),
            { role: 'tool', tool_call_id: 'call_a', content: 'rain' },
          ],
        },
      },
      answers: { body: chatBody({ content: 'It rains.' }) },
      streams: chatStream([{ content: 'It rains.' }]),
      gives: { completion: { content: 'It rains.' } },
    },
  ];
}

function jsonCases(): DialectCase[] {
  const format = {
    type: 'json_schema',
    json_schema: { name: 'answer', schema: SCHEMA, strict: true },
  } as const;
  return [
    {
      name: 'a JSON object',
      request: { parameters: { response_format: { type: 'json_object' } } },
      sends: { body: { response_format: { type: 'json_object' } } },
      answers: { body: chatBody({ content: '{"answer":"yes"}' }) },
      streams: chatStream([{ content: '{"answer"' }, { content: ':"yes"}' }]),
      gives: { completion: { content: '{"answer":"yes"}' } },
    },
    {
      name: 'a JSON schema',
      request: { parameters: { response_format: format } },
      sends: { body: { response_format: format } },
      answers: { body: chatBody({ content: '{"answer":"no"}' }) },
      streams: chatStream([{ content: '{"answer":"no"}' }]),
      gives: { completion: { content: '{"answer":"no"}' } },
    },
  ];
}

function usageCases(): DialectCase[] {
  const reasoned = {
    prompt_tokens: 12,
    completion_tokens: 203,
    total_tokens: 215,
    completion_tokens_details: { reasoning_tokens: 192, accepted_prediction_tokens: 0 },
  };
  const cached = {
    prompt_tokens: 2_006,
    completion_tokens: 3,
    total_tokens: 2_009,
    prompt_tokens_details: { cached_tokens: 1_920, audio_tokens: 0 },
  };
  const thoughts = { reasoning_content: 'Let me think.', reasoning: 'Let me think.' };
  return [
    {
      name: 'reasoning tokens',
      answers: { body: chatBody({ content: 'Eleven.', ...thoughts }, 'stop', { usage: reasoned }) },
      streams: chatStream([{ content: '', ...thoughts }, { content: 'Eleven.' }], 'stop', { usage: reasoned }),
      gives: {
        completion: {
          content: 'Eleven.',
          usage: { input_tokens: 12, output_tokens: 203, reasoning_tokens: 192 },
        },
      },
    },
    {
      name: 'cached tokens',
      answers: { body: chatBody({ content: 'Yes.' }, 'stop', { usage: cached }) },
      streams: chatStream([{ content: 'Yes.' }], 'stop', { usage: cached }),
      gives: {
        completion: { usage: { input_tokens: 2_006, output_tokens: 3, cached_input_tokens: 1_920 } },
      },
    },
  ];
}

function endingCases(): DialectCase[] {
  const error = { message: 'Provider returned error', code: 502, metadata: { error_type: 'provider_unavailable' } };
  return [
    {
      name: 'a refusal',
      answers: { body: chatBody({ refusal: "I can't help with that." }) },
      streams: chatStream([{ refusal: "I can't help" }, { refusal: ' with that.' }]),
      gives: { completion: { content: null, refusal: "I can't help with that.", finish_reason: 'stop' } },
    },
    {
      name: 'a truncated answer',
      answers: { body: chatBody({ content: 'Once upon a' }, 'length') },
      streams: chatStream([{ content: 'Once upon a' }], 'length'),
      gives: { completion: { content: 'Once upon a', finish_reason: 'length' } },
    },
    {
      name: 'an empty answer',
      answers: { body: chatBody({ content: '' }) },
      streams: chatStream([]),
      gives: { error: 'PROVIDER_BAD_RESPONSE' },
    },
    {
      name: 'an error inside a 200',
      answers: { body: { error, user_id: 'user_1' } },
      streams: `: PROCESSING\n\n${eventsOf([{ error, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] }, '[DONE]'])}`,
      gives: { error: 'PROVIDER_FAILED' },
    },
    {
      name: 'an answer that was held back',
      answers: { body: chatBody({ content: null }, 'content_filter') },
      streams: chatStream([], 'content_filter'),
      gives: { error: 'CONTENT_FILTERED' },
    },
  ];
}
