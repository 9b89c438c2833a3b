import type { DialectCases } from './case.ts';
import { chatCases } from './chat-cases.ts';
import { chatBody, chatStream, oddBody } from './chat-wire.ts';

/** https://docs.litellm.ai/docs/proxy/response_headers */
const headers = {
  'x-litellm-response-cost': '0.0001234',
  'x-litellm-model-id': 'b1a2c3',
  'x-litellm-model-group': 'small',
};
const cacheRead = { prompt_tokens: 1_000, completion_tokens: 3, total_tokens: 1_003, cache_read_input_tokens: 900 };

export const litellmCases: DialectCases = {
  provider: { kind: 'litellm' },
  modelId: 'small',
  cases: [
    ...chatCases('max_tokens', 'system'),
    {
      name: 'what it charges and which deployment answered, in headers',
      answers: { body: chatBody({ content: 'Hi.' }), headers },
      gives: { completion: { billed_nanos: 123_400, served_model: 'model-2026-08-07 (deployment b1a2c3)' } },
    },
    {
      name: 'the deployment of a model that has no name',
      answers: { body: oddBody({ content: 'Hi.' }, 'stop', { model: null }), headers },
      gives: { completion: { served_model: 'small (deployment b1a2c3)' } },
    },
    {
      name: 'a cost of 0 from its cache',
      answers: {
        body: chatBody({ content: 'Hi.' }),
        headers: { 'x-litellm-response-cost': '0.0', 'x-litellm-cache-key': '1f' },
      },
      gives: { completion: { billed_nanos: 0 } },
    },
    {
      name: 'tokens from a cache, in Anthropic’s word for them',
      answers: { body: chatBody({ content: 'Hi.' }, 'stop', { usage: cacheRead }) },
      streams: chatStream([{ content: 'Hi.' }], 'stop', { usage: cacheRead }),
      gives: { completion: { usage: { input_tokens: 1_000, output_tokens: 3, cached_input_tokens: 900 } } },
    },
  ],
};
