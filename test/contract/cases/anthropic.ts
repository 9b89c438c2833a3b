import type Anthropic from '@anthropic-ai/sdk';
import { ANSWERING } from './anthropic-answers.ts';
import { answering, MESSAGE_ID, messageOf, MODEL_ID, textBlock, toolUse } from './anthropic-wire.ts';
import type { DialectCase, DialectCases } from './case.ts';

/** Exchanges with Anthropic's Messages API: what is asked. */

const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather now.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const CALL_ID = 'toolu_01D7FLrfh4GYq7yT1ULFeyMV';
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const ASKING: DialectCase[] = [
  {
    name: 'a plain answer',
    request: { maxTokens: 100 },
    sends: {
      headers: { 'anthropic-version': '2023-06-01' },
      body: { model: MODEL_ID, max_tokens: 100 },
      without: ['system', 'temperature', 'tools', 'tool_choice', 'thinking', 'output_config', 'service_tier'],
    },
    ...answering(messageOf([textBlock('Hello there.')])),
    gives: {
      completion: {
        content: 'Hello there.',
        finish_reason: 'stop',
        usage: { input_tokens: 21, output_tokens: 6 },
        response_id: MESSAGE_ID,
        served_model: MODEL_ID,
      },
    },
  },
  {
    name: 'a system prompt and a conversation',
    request: {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Say A.' },
        { role: 'assistant', content: 'A.' },
        { role: 'developer', content: 'Be kind.' },
        { role: 'user', content: 'Say B.' },
        { role: 'user', content: 'Now.' },
      ],
    },
    sends: {
      body: {
        system: [
          { type: 'text', text: 'Be brief.' },
          { type: 'text', text: 'Be kind.' },
        ],
        messages: [
          { role: 'user', content: 'Say A.' },
          { role: 'assistant', content: 'A.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'Say B.' },
              { type: 'text', text: 'Now.' },
            ],
          },
        ],
      } satisfies Partial<Anthropic.MessageCreateParams>,
    },
    ...answering(messageOf([textBlock('B.')])),
    gives: { completion: { content: 'B.' } },
  },
  {
    name: 'tool calls',
    request: { parameters: { tools: [WEATHER], tool_choice: 'auto', parallel_tool_calls: false } },
    sends: {
      body: {
        tools: [
          {
            name: 'get_weather',
            description: 'The weather now.',
            input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
          },
        ],
        tool_choice: { type: 'auto', disable_parallel_tool_use: true },
      } satisfies Partial<Anthropic.MessageCreateParams>,
    },
    ...answering(
      messageOf([textBlock('Let me look.'), toolUse(CALL_ID, 'get_weather', { city: 'Paris' })], {
        stop_reason: 'tool_use',
      }),
    ),
    gives: {
      completion: {
        content: 'Let me look.',
        tool_calls: [
          { id: CALL_ID, type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
        ],
        finish_reason: 'tool_calls',
      },
    },
  },
  {
    name: 'a tool call without input',
    request: { parameters: { tools: [WEATHER], tool_choice: 'required' } },
    sends: { body: { tool_choice: { type: 'any' } } },
    ...answering(messageOf([toolUse(CALL_ID, 'get_weather', {})], { stop_reason: 'tool_use' })),
    gives: {
      completion: {
        content: null,
        tool_calls: [{ id: CALL_ID, type: 'function', function: { name: 'get_weather', arguments: '{}' } }],
      },
    },
  },
  {
    name: 'tool results',
    request: {
      messages: [
        { role: 'user', content: 'How is it there and here?' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: CALL_ID, type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
            { id: 'functions.get_weather:1', type: 'function', function: { name: 'get_weather', arguments: '{' } },
          ],
        },
        { role: 'tool', tool_call_id: CALL_ID, content: 'Sun.' },
        { role: 'tool', tool_call_id: 'functions.get_weather:1', content: '' },
        { role: 'user', content: 'Well?' },
      ],
      parameters: { tools: [WEATHER] },
    },
    sends: {
      body: {
        messages: [
          { role: 'user', content: 'How is it there and here?' },
          {
            role: 'assistant',
            content: [
              { type: 'tool_use', id: CALL_ID, name: 'get_weather', input: { city: 'Paris' } },
              {
                type: 'tool_use',
                id: 'call_ZnVuY3Rpb25zLmdldF93ZWF0aGVyOjE',
                name: 'get_weather',
                input: { arguments: '{' },
              },
            ],
          },
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: CALL_ID, content: 'Sun.' },
              { type: 'tool_result', tool_use_id: 'call_ZnVuY3Rpb25zLmdldF93ZWF0aGVyOjE' },
              { type: 'text', text: 'Well?' },
            ],
          },
        ],
      } satisfies Partial<Anthropic.MessageCreateParams>,
      without: ['tool_choice'],
    },
    ...answering(messageOf([textBlock('Sunny there.')])),
    gives: { completion: { content: 'Sunny there.' } },
  },
  {
    name: 'an image',
    request: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Which is red?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}`, detail: 'low' } },
            { type: 'image_url', image_url: { url: 'https://example.com/red.png' } },
          ],
        },
      ],
    },
    sends: {
      body: {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'Which is red?' },
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } },
              { type: 'image', source: { type: 'url', url: 'https://example.com/red.png' } },
            ],
          },
        ],
      } satisfies Partial<Anthropic.MessageCreateParams>,
    },
    ...answering(messageOf([textBlock('The second.')])),
    gives: { completion: { content: 'The second.' } },
  },
  {
    name: 'stop sequences',
    request: { parameters: { stop: ['END', '\n'] } },
    sends: { body: { stop_sequences: ['END'] } satisfies Partial<Anthropic.MessageCreateParams> },
    ...answering(messageOf([textBlock('One, two.')], { stop_reason: 'stop_sequence', stop_sequence: 'END' })),
    gives: { completion: { content: 'One, two.', finish_reason: 'stop' } },
  },
];

export const anthropicCases: DialectCases = {
  provider: { kind: 'anthropic' },
  modelId: MODEL_ID,
  cases: [...ASKING, ...ANSWERING],
};
