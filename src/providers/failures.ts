import { type ErrorCode, type ErrorDetails, GatewayError } from '../domain/errors.ts';
import { AddressRefused, DeadlinePassed, type HttpAnswer } from './http.ts';
import { parseRetryAfter } from './retry-after.ts';

/**
 * The one classifier: an answer that is no success, or anything thrown, as exactly one error. It never throws.
 * The provider's own words stay out of the message: error bodies echo prompts and keys. Its code does not.
 */

export function failureOfAnswer(provider: string, answer: HttpAnswer, now: number): GatewayError {
  const body = parseErrorBody(answer.text);
  const retryAfterMs = parseRetryAfter(answer.headers, now);
  const code = codeOfStatus(answer.status, body, retryAfterMs !== undefined);
  const details: ErrorDetails = { provider, status: answer.status };
  if (retryAfterMs !== undefined) details.retryAfterMs = retryAfterMs;
  if (answer.status >= 200 && answer.status < 300) details.billUnknown = true;
  return new GatewayError(code, `${provider} answered ${answer.status}${labelOf(body)}${ADVICE[code] ?? ''}`, details);
}

/** HTTP 200 with an error inside, as gateways send it when a model fails after they have accepted the request. */
export function failureInBody(provider: string, error: unknown): GatewayError {
  const body = toErrorBody(error);
  const status = Number(body.labels[0]);
  const known = Number.isInteger(status) && status >= 400 && status <= 599;
  const code = known ? codeOfStatus(status, body, false) : (codeOfLabels(body) ?? 'PROVIDER_FAILED');
  return new GatewayError(code, `${provider} answered 200 with an error inside${labelOf(body)}${ADVICE[code] ?? ''}`, {
    provider,
    status: known ? status : 200,
  });
}

/** What an answer that is of no use cost, by the provider's word. */
type Bill = NonNullable<ErrorDetails['billed']>;

export function badResponse(provider: string, problem: string, billed?: Bill): GatewayError {
  const details = detailsOfUseless(provider, billed);
  return new GatewayError('PROVIDER_BAD_RESPONSE', `${provider} answered 200 ${problem}`, details);
}

export function contentFiltered(provider: string, billed?: Bill): GatewayError {
  const message = `${provider} answered 200 and held the answer back (content_filter)`;
  return new GatewayError('CONTENT_FILTERED', message, detailsOfUseless(provider, billed));
}

/** It read the prompt and answered, so that without a word about it, it may well charge. */
function detailsOfUseless(provider: string, billed: Bill | undefined): ErrorDetails {
  return { provider, status: 200, ...(billed === undefined ? { billUnknown: true } : { billed }) };
}

/** Errors before anything was sent: nobody can bill for them. */
const NOT_SENT = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_INVALID_ARG',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'EPROTO',
]);
/** No TLS connection came about: a certificate that is expired, self-signed or for another name. */
const NOT_SECURED = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

export function failureOfThrown(provider: string, thrown: unknown): GatewayError {
  if (isInstance(thrown, GatewayError)) return thrown;
  if (isInstance(thrown, DeadlinePassed)) {
    return new GatewayError('PROVIDER_TIMEOUT', `${provider}: ${thrown.message}`, { provider, billUnknown: true });
  }
  if (isInstance(thrown, AddressRefused)) {
    return new GatewayError('PROVIDER_UNREACHABLE', `${provider}: ${thrown.message}`, { provider });
  }
  const code = errorCodeOf(thrown);
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return badResponse(provider, 'with more than max_response_bytes');
  const isSent = code === undefined || !(NOT_SENT.has(code) || NOT_SECURED.test(code));
  const what = isSent ? ': the connection broke before the answer was complete' : ' cannot be reached';
  return new GatewayError(
    'PROVIDER_UNREACHABLE',
    `${provider}${what}${code === undefined ? '' : ` (${code})`}`,
    isSent ? { provider, billUnknown: true } : { provider },
    { cause: thrown },
  );
}

/** What the provider calls its error, in the places where it may do so, `code` first; and its sentence. */
type ErrorBody = { labels: string[]; message: string };

/** Labels are tried in this order. */
const CODES_OF_LABELS: [RegExp, ErrorCode][] = [
  [/insufficient_quota|credit_balance|spend_limit|usage_limit_exceeded|billing|_budget$|^key_limit/, 'PROVIDER_QUOTA'],
  [/context_length|context_window|prompt_too_long/, 'CONTEXT_TOO_LONG'],
  [/content_filter|content_policy|ResponsibleAIPolicyViolation|moderation/, 'CONTENT_FILTERED'],
  [/model_not_found|model_deprecated|no_endpoints/, 'MODEL_NOT_FOUND'],
  [/rate_limit|capacity_exhausted|RESOURCE_EXHAUSTED/, 'PROVIDER_RATE_LIMITED'],
  [/overloaded|temporarily_unavailable/, 'PROVIDER_OVERLOADED'],
  [/invalid_api_key|API_KEY_INVALID|authentication_error/, 'PROVIDER_AUTH'],
];
/** vLLM, OpenRouter and others have no code for it, only the sentence. */
const CONTEXT_SENTENCE = /maximum context length|context (length|window|size)|prompt is too long/i;

function codeOfStatus(status: number, body: ErrorBody, hasRetryAfter: boolean): ErrorCode {
  const labelled = codeOfLabels(body);
  if (status === 429) return labelled === 'PROVIDER_QUOTA' ? labelled : 'PROVIDER_RATE_LIMITED';
  if (status === 402) return hasRetryAfter ? 'PROVIDER_RATE_LIMITED' : 'PROVIDER_QUOTA';
  if (labelled !== undefined && status >= 400 && status < 500) return labelled;
  if ((status === 400 || status === 413 || status === 422) && CONTEXT_SENTENCE.test(body.message)) {
    return 'CONTEXT_TOO_LONG';
  }
  if (status === 401 || status === 403) return 'PROVIDER_AUTH';
  if (status === 404) return 'MODEL_NOT_FOUND';
  if (status === 503 || status === 529) return 'PROVIDER_OVERLOADED';
  if (status === 408 || status === 409 || status >= 500) return 'PROVIDER_FAILED';
  // Redirects are never followed: the key belongs to one origin.
  if (status < 400) return 'PROVIDER_BAD_RESPONSE';
  return 'REQUEST_REJECTED';
}

function codeOfLabels({ labels }: ErrorBody): ErrorCode | undefined {
  return CODES_OF_LABELS.find(([pattern]) => labels.some((label) => pattern.test(label)))?.[1];
}

const ADVICE: Partial<Record<ErrorCode, string>> = {
  PROVIDER_AUTH: ': check its api_key',
  PROVIDER_QUOTA: ': its credit or spend limit is used up',
  MODEL_NOT_FOUND: ': check the model id, it may be retired',
};

function parseErrorBody(text: string): ErrorBody {
  try {
    const parsed: unknown = JSON.parse(text);
    // Google's OpenAI-compatible endpoint wraps it in a list; vLLM has the error's fields at the top.
    const body: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
    return toErrorBody(fieldOf(body, 'error') ?? body);
  } catch {
    return { labels: [], message: '' };
  }
}

function toErrorBody(error: unknown): ErrorBody {
  const metadata = fieldOf(error, 'metadata');
  const labels = [
    fieldOf(error, 'code'),
    fieldOf(error, 'type'),
    fieldOf(error, 'status'),
    fieldOf(fieldOf(error, 'innererror'), 'code'),
    fieldOf(fieldOf(error, 'availability'), 'code'),
    fieldOf(metadata, 'error_type'),
    fieldOf(metadata, 'limit_source'),
    // OpenRouter's word for a prompt that its moderation held back comes without a code; the status is 403, as for a bad key.
    fieldOf(metadata, 'flagged_input') === undefined ? undefined : 'moderation',
  ];
  const message = fieldOf(error, 'message');
  return {
    labels: labels.filter((label) => typeof label === 'string' || typeof label === 'number').map(String),
    message: typeof message === 'string' ? message : '',
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** Only words and short numbers are shown: bodies are known to echo prompts and keys. */
function labelOf({ labels }: ErrorBody): string {
  const label = labels.find(
    (candidate) => /^([A-Za-z]+(_[A-Za-z]+)*|\d{1,4})$/.test(candidate) && candidate.length <= 64,
  );
  return label === undefined ? '' : ` (${label})`;
}

function errorCodeOf(thrown: unknown): string | undefined {
  try {
    for (let [error, depth] = [thrown, 0]; depth < 5; [error, depth] = [fieldOf(error, 'cause'), depth + 1]) {
      const code = fieldOf(error, 'code');
      if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,48}$/.test(code)) return code;
    }
  } catch {
    // Whatever was thrown does not even let itself be looked at.
  }
  return undefined;
}

/** `instanceof` runs code of the other side when that is a proxy. */
function isInstance<Kind>(value: unknown, kind: abstract new (...parameters: never[]) => Kind): value is Kind {
  try {
    return value instanceof kind;
  } catch {
    return false;
  }
}
