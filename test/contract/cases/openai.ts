import type { ToolCall } from '../../../src/domain/request.ts';
import type { DialectCases } from './case.ts';
import { chatCases } from './chat-cases.ts';
import { chatBody, chatStream, eventsOf, oddBody, USAGE } from './chat-wire.ts';

const legacy = { function_call: { name: 'get_weather', arguments: '{"city":"Oslo"}' } };
const call = (id: string, spoken: string): ToolCall => ({
  id,
  type: 'function',
  function: { name: 'get_weather', arguments: spoken },
});
const parts = [
  { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] },
  { type: 'text', text: 'Ten' },
  { type: 'text', text: ' fingers.' },
];
const flex = { service_tier: 'flex' } as const;
const usual = { service_tier: 'default' } as const;
const apart = {
  prompt_tokens: 10,
  completion_tokens: 2,
  total_tokens: 329,
  completion_tokens_details: { reasoning_tokens: 317 },
};
const silent = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 52 };

/** OpenAI's API, and the quirks of servers that copy it. */
export const openaiCases: DialectCases = {
  provider: { kind: 'openai' },
  modelId: 'gpt-5-mini-2025-08-07',
  cases: [
    ...chatCases('max_tokens', 'system'),
    {
      name: 'a cheaper tier, as it was served',
      answers: { body: chatBody({ content: 'Hi.' }, 'stop', flex) },
      streams: chatStream([{ content: 'Hi.' }], 'stop', flex),
      gives: { completion: { usage: { input_tokens: 12, output_tokens: 3, service_tier: 'flex' } } },
    },
    {
      name: 'the usual tier, which is not worth a word',
      answers: { body: chatBody({ content: 'Hi.' }, 'stop', usual) },
      streams: chatStream([{ content: 'Hi.' }], 'stop', usual),
      gives: { completion: { usage: { input_tokens: 12, output_tokens: 3 } } },
    },
    {
      name: 'an answer in parts, of which one was thought (Mistral)',
      answers: { body: oddBody({ content: parts }) },
      streams: chatStream([{ content: parts.slice(0, 1) }, { content: parts.slice(1, 2) }, { content: ' fingers.' }]),
      gives: { completion: { content: 'Ten fingers.' } },
    },
    {
      name: 'a tool call without an id',
      answers: {
        body: chatBody({ tool_calls: [{ id: '', type: 'function', function: legacy.function_call }] }, 'tool_calls'),
      },
      streams: chatStream([{ tool_calls: [{ index: 0, id: '', function: legacy.function_call }] }], 'tool_calls'),
      gives: {
        completion: {
          tool_calls: [{ id: 'call_cc5b68169b81d6325d02a888', type: 'function', function: legacy.function_call }],
        },
      },
    },
    {
      name: 'calls that all have the index 0 (Google)',
      answers: { body: chatBody({ tool_calls: [call('call_a', '{}'), call('call_b', '{"n":1}')] }, 'tool_calls') },
      streams: chatStream(
        [
          { tool_calls: [{ index: 0, ...call('call_a', '{}') }] },
          { tool_calls: [{ index: 0, ...call('call_b', '{"n":1}') }] },
        ],
        'tool_calls',
      ),
      gives: { completion: { tool_calls: [call('call_a', '{}'), call('call_b', '{"n":1}')] } },
    },
    {
      name: 'calls without an index, with id and name in every piece',
      answers: { body: chatBody({ tool_calls: [call('call_a', '{}'), call('call_b', '{"n":1}')] }, 'tool_calls') },
      streams: chatStream(
        [
          { tool_calls: [call('call_a', '{'), call('call_a', '}')] },
          { tool_calls: [call('call_b', '{"n"')] },
          { tool_calls: [call('call_b', ':1}')] },
        ],
        'tool_calls',
      ),
      gives: { completion: { tool_calls: [call('call_a', '{}'), call('call_b', '{"n":1}')] } },
    },
    {
      name: 'a second choice, for which nobody asked',
      answers: {
        body: oddBody({ content: 'Hi.' }, 'stop', {
          choices: [
            { index: 0, message: { content: 'Hi.' }, finish_reason: 'stop' },
            { index: 1, message: { content: 'Ho.' }, finish_reason: 'stop' },
          ],
        }),
      },
      streams: eventsOf([
        { id: 'chatcmpl-1', choices: [{ index: 1, delta: { content: 'Ho.' } }, { delta: { content: 'Hi.' } }] },
        {
          choices: [
            { index: 0, delta: {}, finish_reason: 'stop' },
            { index: 1, delta: { content: '!' } },
          ],
        },
        '[DONE]',
      ]),
      gives: { completion: { content: 'Hi.' } },
    },
    {
      name: 'an error in the fields of the answer itself (vLLM)',
      answers: { body: { object: 'error', message: 'It broke.', type: 'InternalServerError', code: 500 } },
      streams: eventsOf([{ object: 'error', message: 'It broke.', type: 'InternalServerError', code: 500 }, '[DONE]']),
      gives: { error: 'PROVIDER_FAILED' },
    },
    {
      name: 'a call in the old form',
      answers: { body: chatBody(legacy, 'function_call') },
      streams: chatStream(
        [
          { function_call: { name: 'get_weather', arguments: '{"city":' } },
          { function_call: { arguments: '"Oslo"}' } },
        ],
        'function_call',
      ),
      gives: { completion: { content: null, finish_reason: 'tool_calls' } },
    },
    {
      name: 'reasoning that is not in completion_tokens (xAI)',
      answers: { body: chatBody({ content: 'Hi.' }, 'stop', { usage: apart }) },
      streams: chatStream([{ content: 'Hi.' }], 'stop', { usage: apart }),
      gives: { completion: { usage: { input_tokens: 10, output_tokens: 319, reasoning_tokens: 317 } } },
    },
    {
      name: 'reasoning of which only the total tells (Google)',
      answers: { body: chatBody({ content: 'Hi.' }, 'stop', { usage: silent }) },
      streams: chatStream([{ content: 'Hi.' }], 'stop', { usage: silent }),
      gives: { completion: { usage: { input_tokens: 10, output_tokens: 42, reasoning_tokens: 40 } } },
    },
    {
      name: 'usage that nobody counted',
      answers: { body: oddBody({ content: 'Hi.' }, 'stop', { usage: null }) },
      streams: chatStream([{ content: 'Hi.' }], 'stop', { usage: null }),
      gives: { completion: { content: 'Hi.', usage: { input_tokens: 0, output_tokens: 0, estimated: true } } },
    },
    {
      name: 'an answer without a finish reason',
      answers: { body: oddBody({ content: 'Once upon' }, null) },
      streams: chatStream([{ content: 'Once upon' }], null),
      gives: { error: 'PROVIDER_BAD_RESPONSE' },
    },
    {
      name: 'an end without [DONE]',
      answers: { body: chatBody({ content: 'Hi.' }) },
      streams: chatStream([{ content: 'Hi.' }]).replace('data: [DONE]\n\n', ''),
      gives: { completion: { content: 'Hi.', usage: { input_tokens: 12, output_tokens: 3 } } },
    },
    {
      name: 'usage with every piece (vLLM)',
      answers: { body: chatBody({ content: 'Hi.' }) },
      streams: chatStream([{ content: 'Hi.' }]).replaceAll('"usage":null', `"usage":${JSON.stringify(USAGE)}`),
      gives: { completion: { content: 'Hi.', usage: { input_tokens: 12, output_tokens: 3 } } },
    },
  ],
};
