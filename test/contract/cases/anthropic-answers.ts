import type Anthropic from '@anthropic-ai/sdk';
import { answering, eventsOf, messageOf, textBlock, USAGE, wireOf } from './anthropic-wire.ts';
import type { DialectCase } from './case.ts';

/** Exchanges with Anthropic's Messages API: what is answered, and how it is counted. */

const OVERLOADED: Anthropic.ErrorResponse = {
  type: 'error',
  error: { type: 'overloaded_error', message: 'Overloaded' },
  request_id: 'req_011CSHoEeqs5C35K2UUqR7Fy',
};

const JSON_WRAPPED = JSON.stringify({ sluice_json_answer: '{"city": "Paris", "zip": null}' });

const JSON_CASES: DialectCase[] = [
  {
    name: 'a JSON object',
    request: { parameters: { response_format: { type: 'json_object' } } },
    sends: {
      body: {
        output_config: {
          format: {
            type: 'json_schema',
            schema: {
              type: 'object',
              properties: { sluice_json_answer: { type: 'string' } },
              required: ['sluice_json_answer'],
              additionalProperties: false,
            },
          },
        },
      } satisfies Partial<Anthropic.MessageCreateParams>,
      without: ['tools'],
    },
    ...answering(messageOf([textBlock(JSON_WRAPPED)])),
    gives: { completion: { content: '{"city": "Paris", "zip": null}', finish_reason: 'stop' } },
  },
  {
    name: 'a JSON object that is none',
    request: { parameters: { response_format: { type: 'json_object' } } },
    ...answering(messageOf([textBlock(JSON.stringify({ sluice_json_answer: 'Paris' }))])),
    gives: { error: 'PROVIDER_BAD_RESPONSE' },
  },
  {
    name: 'a JSON object that was cut off',
    request: { parameters: { response_format: { type: 'json_object' } } },
    ...answering(messageOf([textBlock('{"sluice_json_answer":"{\\"city\\": \\"Par\\')], { stop_reason: 'max_tokens' })),
    gives: { completion: { content: '{"city": "Par', finish_reason: 'length' } },
  },
  {
    name: 'a JSON schema',
    request: {
      parameters: {
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'place',
            strict: true,
            schema: {
              type: 'object',
              properties: {
                city: { type: 'string', minLength: 1 },
                zips: { type: 'array', items: { type: ['integer', 'null'] } },
              },
              required: ['city'],
            },
          },
        },
      },
    },
    sends: {
      body: {
        output_config: {
          format: {
            type: 'json_schema',
            schema: {
              type: 'object',
              properties: {
                city: { type: 'string', description: '{"minLength":1}' },
                zips: { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'null' }] } },
              },
              required: ['city'],
              additionalProperties: false,
            },
          },
        },
      } satisfies Partial<Anthropic.MessageCreateParams>,
    },
    ...answering(messageOf([textBlock('{"city":"Paris"}')])),
    gives: { completion: { content: '{"city":"Paris"}', finish_reason: 'stop' } },
  },
];

const COUNTING: DialectCase[] = [
  {
    name: 'reasoning tokens',
    request: { parameters: { reasoning_effort: 'high', temperature: 0.2 } },
    sends: {
      body: {
        thinking: { type: 'adaptive' },
        output_config: { effort: 'high' },
      } satisfies Partial<Anthropic.MessageCreateParams>,
      without: ['temperature'],
    },
    ...answering(
      messageOf(
        [
          { type: 'thinking', thinking: 'Six times seven.', signature: 'EsECCokBCBAYAipA9i3H' },
          { type: 'redacted_thinking', data: 'EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw' },
          textBlock('42'),
        ],
        { usage: { ...USAGE, output_tokens: 206, output_tokens_details: { thinking_tokens: 200 } } },
      ),
    ),
    gives: {
      completion: { content: '42', usage: { input_tokens: 21, output_tokens: 206, reasoning_tokens: 200 } },
    },
  },
  {
    name: 'cached tokens',
    ...answering(
      messageOf([textBlock('Again.')], {
        usage: {
          ...USAGE,
          cache_creation_input_tokens: 300,
          cache_read_input_tokens: 4_000,
          cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
          service_tier: 'priority',
        },
      }),
    ),
    gives: {
      completion: {
        usage: {
          input_tokens: 4_321,
          output_tokens: 6,
          cached_input_tokens: 4_000,
          cache_write_tokens: 100,
          cache_write_1h_tokens: 200,
          service_tier: 'priority',
        },
      },
    },
  },
];

const ENDING: DialectCase[] = [
  {
    name: 'a refusal',
    ...answering(
      messageOf([], {
        stop_reason: 'refusal',
        stop_details: { type: 'refusal', category: 'cyber', explanation: 'Blocked under the usage policy.' },
      }),
    ),
    gives: {
      completion: {
        content: null,
        refusal: 'Blocked under the usage policy.',
        finish_reason: 'content_filter',
        usage: { input_tokens: 21, output_tokens: 6 },
      },
    },
  },
  {
    name: 'a truncated answer',
    ...answering(messageOf([textBlock('Once upon a')], { stop_reason: 'max_tokens' })),
    gives: { completion: { content: 'Once upon a', finish_reason: 'length' } },
  },
  {
    name: 'an answer that fills the context window',
    ...answering(messageOf([textBlock('Once upon a')], { stop_reason: 'model_context_window_exceeded' })),
    gives: { completion: { content: 'Once upon a', finish_reason: 'length' } },
  },
  {
    name: 'an empty answer',
    ...answering(messageOf([])),
    gives: { error: 'PROVIDER_BAD_RESPONSE' },
  },
  {
    name: 'nothing but thoughts',
    ...answering(
      messageOf([{ type: 'thinking', thinking: 'Hm.', signature: 'EsECCokB' }], { stop_reason: 'max_tokens' }),
    ),
    gives: { error: 'PROVIDER_BAD_RESPONSE' },
  },
  {
    name: 'an error inside a 200',
    answers: { body: OVERLOADED },
    streams: wireOf([...eventsOf(messageOf([textBlock('Once upon a')])).slice(0, 4), OVERLOADED]),
    gives: { error: 'PROVIDER_OVERLOADED' },
  },
];

export const ANSWERING: readonly DialectCase[] = [...JSON_CASES, ...COUNTING, ...ENDING];
