import type { DialectCases } from './case.ts';
import { chatCases } from './chat-cases.ts';
import { chatBody, chatStream, eventsOf, oddBody } from './chat-wire.ts';

const usage = {
  prompt_tokens: 1_012,
  completion_tokens: 3,
  total_tokens: 1_015,
  cost: 0.000_123_4,
  is_byok: false,
  prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 900 },
  cost_details: { upstream_inference_cost: 0.000_123_4 },
  completion_tokens_details: { reasoning_tokens: 0 },
};
const ofOurKey = { ...usage, cost: 0.000_01, is_byok: true, cost_details: { upstream_inference_cost: 0.000_2 } };
const ofOurKeyUntold = { ...usage, is_byok: true, cost_details: null };
const nothing = { ...usage, completion_tokens: 0, total_tokens: 1_012, cost: 0 };
const fromProvider = { provider: 'DeepInfra', native_finish_reason: 'stop' };
const overloaded = { code: 503, message: 'Overloaded', metadata: { error_type: 'provider_overloaded' } };

/** https://openrouter.ai/docs/api-reference/overview */
export const openrouterCases: DialectCases = {
  provider: {
    kind: 'openrouter',
    openrouter: {
      app_url: 'https://app.example',
      app_title: 'An app',
      provider: { sort: 'price', data_collection: 'deny' },
    },
  },
  modelId: 'vendor/small-1:floor',
  cases: [
    ...chatCases('max_tokens', 'system'),
    {
      name: 'what is its own in a request',
      request: { parameters: { reasoning_effort: 'low' } },
      sends: {
        body: {
          model: 'vendor/small-1:floor',
          reasoning: { effort: 'low' },
          provider: { sort: 'price', data_collection: 'deny' },
          usage: { include: true },
        },
        without: ['reasoning_effort', 'models'],
        headers: { 'http-referer': 'https://app.example', 'x-title': 'An app' },
      },
      answers: { body: oddBody({ content: 'Hi.' }, 'stop', fromProvider) },
      gives: { completion: { content: 'Hi.' } },
    },
    {
      name: 'what it charges, and what went into a cache',
      answers: { body: chatBody({ content: 'Hi.' }, 'stop', { usage }) },
      streams: `: OPENROUTER PROCESSING\n\n${chatStream([{ content: 'Hi.' }], 'stop', { usage })}`,
      gives: {
        completion: {
          billed_nanos: 123_400,
          usage: { input_tokens: 1_012, output_tokens: 3, cached_input_tokens: 100, cache_write_tokens: 900 },
        },
      },
    },
    {
      name: 'its fee and the price, for a key of one’s own at the provider',
      answers: { body: chatBody({ content: 'Hi.' }, 'stop', { usage: ofOurKey }) },
      streams: chatStream([{ content: 'Hi.' }], 'stop', { usage: ofOurKey }),
      gives: { completion: { billed_nanos: 210_000 } },
    },
    {
      name: 'its fee without the price, which is no bill',
      answers: { body: chatBody({ content: 'Hi.' }, 'stop', { usage: ofOurKeyUntold }) },
      gives: { completion: { usage: { input_tokens: 1_012, output_tokens: 3 } } },
    },
    {
      name: 'an answer from its cache',
      answers: { body: chatBody({ content: 'Hi.' }), headers: { 'x-openrouter-cache-status': 'HIT' } },
      gives: { completion: { billed_nanos: 0 } },
    },
    {
      name: 'no answer at all, which it does not charge',
      answers: { body: oddBody({ content: '' }, null, { usage: nothing }) },
      streams: chatStream([], null, { usage: nothing }),
      gives: { error: 'PROVIDER_BAD_RESPONSE' },
    },
    {
      name: 'a provider that fails in the middle',
      answers: {
        body: {
          ...oddBody({ content: 'Once' }, 'error'),
          choices: [
            { index: 0, message: { role: 'assistant', content: 'Once' }, finish_reason: 'error', error: overloaded },
          ],
        },
      },
      streams: eventsOf([
        { id: 'gen-1', choices: [{ index: 0, delta: { role: 'assistant', content: 'Once' }, finish_reason: null }] },
        { id: 'gen-1', error: overloaded, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] },
      ]),
      gives: { error: 'PROVIDER_OVERLOADED' },
    },
    {
      name: 'a provider that fails, told in the choice alone',
      answers: {
        body: oddBody({}, 'error', {
          choices: [{ index: 0, message: { content: 'Once' }, finish_reason: 'error', error: overloaded }],
        }),
      },
      streams: eventsOf([
        { id: 'gen-1', choices: [{ index: 0, delta: { content: 'Once' }, finish_reason: null }] },
        { id: 'gen-1', choices: [{ index: 0, delta: {}, finish_reason: 'error', error: overloaded }] },
        '[DONE]',
      ]),
      gives: { error: 'PROVIDER_OVERLOADED' },
    },
  ],
};
