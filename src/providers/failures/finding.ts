import type { ErrorCode } from '../../domain/errors.ts';

/** What a refusal is, and what can be done about it where its code alone does not say. */
export type Finding = { code: ErrorCode; advice?: string };

export const FINDINGS = {
  quota: { code: 'PROVIDER_QUOTA' },
  rateLimited: { code: 'PROVIDER_RATE_LIMITED' },
  overloaded: { code: 'PROVIDER_OVERLOADED' },
  failed: { code: 'PROVIDER_FAILED' },
  rejected: { code: 'REQUEST_REJECTED' },
  filtered: { code: 'CONTENT_FILTERED' },
  tooLong: { code: 'CONTEXT_TOO_LONG', advice: ': the request is too long for the model' },
  tooLarge: { code: 'CONTEXT_TOO_LONG', advice: ': the request is too large for it' },
  answerTooLong: { code: 'CONTEXT_TOO_LONG', advice: ': max_tokens is more than the model gives' },
  tooLargeForRate: {
    code: 'CONTEXT_TOO_LONG',
    advice: ': the request alone is more than its limit of tokens a minute',
  },
  tooDear: { code: 'CONTEXT_TOO_LONG', advice: ': its credit does not cover a request of this size; lower max_tokens' },
  auth: { code: 'PROVIDER_AUTH' },
  wrongPlace: { code: 'PROVIDER_AUTH', advice: ': it does not serve this country or region' },
  blocked: {
    code: 'PROVIDER_AUTH',
    advice: ': a proxy or firewall answered, not the API; check base_url and the network',
  },
  noModel: { code: 'MODEL_NOT_FOUND' },
  modelDenied: { code: 'MODEL_NOT_FOUND', advice: ': check the model id, and whether the key may use it' },
  modelRestricted: {
    code: 'MODEL_NOT_FOUND',
    advice: ': it does not serve the model from here, or under these settings',
  },
  noSuchPage: {
    code: 'MODEL_NOT_FOUND',
    advice: ': nothing of the API is at this address; check base_url and the model id',
  },
  noApi: { code: 'PROVIDER_BAD_RESPONSE', advice: ': nothing of the API is at this address; check base_url' },
  redirect: { code: 'PROVIDER_BAD_RESPONSE', advice: ': redirects are not followed, check base_url' },
  noAnswer: { code: 'PROVIDER_BAD_RESPONSE' },
} as const satisfies Record<string, Finding>;
