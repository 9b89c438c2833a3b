import type { DialectCases } from './case.ts';
import { chatCases } from './chat-cases.ts';
import { chatBody, chatStream, oddBody } from './chat-wire.ts';

const apart = {
  prompt_tokens: 20,
  completion_tokens: 3,
  total_tokens: 1_023,
  cache_read_input_tokens: 900,
  cache_creation_input_tokens: 100,
};

/** https://portkey.ai/docs/api-reference/inference-api/headers */
export const portkeyCases: DialectCases = {
  provider: {
    kind: 'portkey',
    portkey: { provider: 'openai', virtual_key: 'vk-1', config: 'pc-1', authorization: 'sk-behind-it' },
  },
  modelId: 'gpt-5-mini',
  cases: [
    ...chatCases('max_tokens', 'system'),
    {
      name: 'its own key and that of the provider behind it',
      sends: {
        headers: {
          'x-portkey-api-key': 'sk-canary-4f0c9a71',
          'x-portkey-provider': 'openai',
          'x-portkey-virtual-key': 'vk-1',
          'x-portkey-config': 'pc-1',
          authorization: 'Bearer sk-behind-it',
        },
      },
      answers: { body: chatBody({ content: 'Hi.' }), headers: { 'x-portkey-cache-status': 'MISS' } },
      gives: { completion: { content: 'Hi.' } },
    },
    {
      name: 'an answer from its cache, which cost nothing',
      answers: { body: chatBody({ content: 'Hi.' }), headers: { 'x-portkey-cache-status': 'SEMANTIC HIT' } },
      gives: { completion: { billed_nanos: 0 } },
    },
    {
      name: 'an answer of Anthropic’s, with what was cached counted apart and its own words for the end',
      answers: { body: oddBody({ content: 'Hi.' }, 'end_turn', { usage: apart }) },
      streams: chatStream([{ content: 'Hi.' }], 'end_turn', { usage: apart }),
      gives: {
        completion: {
          finish_reason: 'stop',
          usage: { input_tokens: 1_020, output_tokens: 3, cached_input_tokens: 900, cache_write_tokens: 100 },
        },
      },
    },
  ],
};
