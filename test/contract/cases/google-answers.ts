import type { DialectCase } from './case.ts';
import { CANARY } from '../../support/upstream.ts';
import { answering, googleAnswer, googleStream, MODEL_ID, RESPONSE_ID, USAGE } from './google-wire.ts';

/** Exchanges with Google's Gemini API: what is answered. */

const overloaded = {
  error: { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' },
};
const blocked = {
  promptFeedback: { blockReason: 'PROHIBITED_CONTENT' as const },
  usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
  modelVersion: MODEL_ID,
  responseId: RESPONSE_ID,
};

export const ANSWERING: DialectCase[] = [
  {
    name: 'a plain answer',
    sends: {
      body: {
        contents: [{ role: 'user', parts: [{ text: 'Say hello.' }] }],
        generationConfig: { maxOutputTokens: 64 },
      },
      without: ['model', 'systemInstruction', 'tools', 'toolConfig', 'serviceTier'],
      headers: { 'x-goog-api-key': CANARY.key },
    },
    ...answering([{ text: 'Hello there.', thoughtSignature: 'EtoFCtcFAb4=' }], 'STOP'),
    gives: {
      completion: {
        content: 'Hello there.',
        finish_reason: 'stop',
        usage: { input_tokens: 9, output_tokens: 28 },
        response_id: RESPONSE_ID,
        served_model: MODEL_ID,
      },
    },
  },
  {
    name: 'reasoning tokens',
    request: { parameters: { reasoning_effort: 'high' } },
    sends: { body: { generationConfig: { thinkingConfig: { thinkingLevel: 'HIGH' } } } },
    ...answering([{ text: 'Let me think.', thought: true }, { text: 'Hello there.' }], 'STOP', {
      usageMetadata: { ...USAGE, thoughtsTokenCount: 244, totalTokenCount: 281 },
    }),
    gives: {
      completion: {
        content: 'Hello there.',
        usage: { input_tokens: 9, output_tokens: 272, reasoning_tokens: 244 },
      },
    },
  },
  {
    name: 'cached tokens',
    ...answering([{ text: 'Hello there.' }], 'STOP', {
      usageMetadata: { ...USAGE, promptTokenCount: 5_009, cachedContentTokenCount: 4_096, totalTokenCount: 5_037 },
    }),
    gives: { completion: { usage: { input_tokens: 5_009, output_tokens: 28, cached_input_tokens: 4_096 } } },
  },
  {
    name: 'tokens of what tools gave to read',
    ...answering([{ text: 'Hello there.' }], 'STOP', {
      usageMetadata: { ...USAGE, toolUsePromptTokenCount: 100, totalTokenCount: 137 },
    }),
    gives: { completion: { usage: { input_tokens: 109, output_tokens: 28 } } },
  },
  {
    name: 'a refusal',
    ...answering([], 'SAFETY', { usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 } }),
    gives: { error: 'CONTENT_FILTERED' },
  },
  {
    name: 'an answer that is held back midway',
    ...answering([{ text: 'First you' }], 'RECITATION'),
    gives: { completion: { content: 'First you', finish_reason: 'content_filter' } },
  },
  {
    name: 'a prompt that is held back',
    answers: { body: blocked },
    streams: googleStream(blocked),
    gives: { error: 'CONTENT_FILTERED' },
  },
  {
    name: 'a truncated answer',
    ...answering([{ text: 'Hello th' }], 'MAX_TOKENS'),
    gives: { completion: { content: 'Hello th', finish_reason: 'length' } },
  },
  {
    name: 'an answer longer than one request may bring',
    ...answering([{ text: 'Hello th' }], 'CONTINUATION'),
    gives: { completion: { content: 'Hello th', finish_reason: 'length' } },
  },
  {
    name: 'an empty answer',
    ...answering([], 'STOP', { usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 } }),
    gives: { error: 'PROVIDER_BAD_RESPONSE' },
  },
  {
    name: 'thoughts that use up all that the answer may have',
    ...answering([{ text: 'Let me think.', thought: true }], 'MAX_TOKENS', {
      usageMetadata: { promptTokenCount: 9, thoughtsTokenCount: 61, totalTokenCount: 70 },
    }),
    gives: { error: 'PROVIDER_BAD_RESPONSE' },
  },
  {
    name: 'a malformed function call',
    ...answering([], 'MALFORMED_FUNCTION_CALL'),
    gives: { error: 'PROVIDER_BAD_RESPONSE' },
  },
  {
    name: 'a text before a malformed function call',
    ...answering([{ text: 'I will look.' }], 'MALFORMED_FUNCTION_CALL'),
    gives: { error: 'PROVIDER_BAD_RESPONSE' },
  },
  {
    name: 'an error inside a 200',
    answers: { body: overloaded },
    streams: googleStream(googleAnswer([{ text: 'Hel' }]), overloaded),
    gives: { error: 'PROVIDER_OVERLOADED' },
  },
  {
    name: 'an answer without counts',
    ...answering([{ text: 'Hello there.' }], 'STOP', { usageMetadata: {} }),
    gives: { completion: { content: 'Hello there.', usage: { input_tokens: 0, output_tokens: 0, estimated: true } } },
  },
  {
    name: 'the tier in which it was served',
    ...answering([{ text: 'Hello there.' }], 'STOP', { usageMetadata: { ...USAGE, serviceTier: 'flex' } }),
    gives: { completion: { usage: { input_tokens: 9, output_tokens: 28, service_tier: 'flex' } } },
  },
];
