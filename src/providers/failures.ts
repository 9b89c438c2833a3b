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
  return new GatewayError(code, `${provider} answered ${answer.status}${labelOf(body)}${ADVICE[code] ?? ''}`, details);
}

/** HTTP 200 with an error inside, as gateways send it when a model fails after they have accepted the request. */
export function failureInBody(provider: string, error: unknown): GatewayError {
  const body = toErrorBody(error);
  const status = Number(body.code);
  const known = Number.isInteger(status) && status >= 400 && status <= 599;
  const code = known ? codeOfStatus(status, body, false) : (codeOfLabel(body) ?? 'PROVIDER_FAILED');
  return new GatewayError(code, `${provider} answered 200 with an error inside${labelOf(body)}`, {
    provider,
    status: known ? status : 200,
  });
}

export function badResponse(provider: string, problem: string): GatewayError {
  // It answered, so that it may well charge.
  return new GatewayError('PROVIDER_BAD_RESPONSE', `${provider} answered 200 ${problem}`, {
    provider,
    status: 200,
    billUnknown: true,
  });
}

/** Errors before anything was sent: nobody can bill for them. */
const NOT_SENT = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

export function failureOfThrown(provider: string, thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof DeadlinePassed) {
    return new GatewayError('PROVIDER_TIMEOUT', `${provider}: ${thrown.message}`, { provider, billUnknown: true });
  }
  if (thrown instanceof AddressRefused) return new GatewayError('PROVIDER_UNREACHABLE', thrown.message, { provider });
  const code = errorCodeOf(thrown);
  if (code !== undefined && NOT_SENT.has(code)) {
    return new GatewayError(
      'PROVIDER_UNREACHABLE',
      `${provider} cannot be reached (${code})`,
      { provider },
      { cause: thrown },
    );
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return badResponse(provider, 'with more than max_response_bytes');
  return new GatewayError(
    'PROVIDER_UNREACHABLE',
    `${provider}: the connection broke before the answer was complete${code === undefined ? '' : ` (${code})`}`,
    { provider, billUnknown: true },
    { cause: thrown },
  );
}

type ErrorBody = { code?: string; type?: string };

const QUOTA_LABELS = /insufficient_quota|credit_balance|spend_limit|usage_limit_exceeded|billing/;
const CONTEXT_LABELS = /context_length|context_window|prompt_too_long/;
const CONTENT_LABELS = /content_filter|content_policy|ResponsibleAIPolicyViolation/;
const MODEL_LABELS = /model_not_found|model_deprecated|no_endpoints/;

function codeOfStatus(status: number, body: ErrorBody, hasRetryAfter: boolean): ErrorCode {
  const labelled = codeOfLabel(body);
  if (status === 429) return labelled === 'PROVIDER_QUOTA' ? labelled : 'PROVIDER_RATE_LIMITED';
  if (status === 402) return hasRetryAfter ? 'PROVIDER_RATE_LIMITED' : 'PROVIDER_QUOTA';
  if (labelled !== undefined && status < 500) return labelled;
  if (status === 401 || status === 403) return 'PROVIDER_AUTH';
  if (status === 404) return 'MODEL_NOT_FOUND';
  if (status === 503 || status === 529) return 'PROVIDER_OVERLOADED';
  if (status === 408 || status === 409 || status >= 500) return 'PROVIDER_FAILED';
  // Redirects are never followed: the key belongs to one origin.
  if (status < 400) return 'PROVIDER_BAD_RESPONSE';
  return 'REQUEST_REJECTED';
}

function codeOfLabel(body: ErrorBody): ErrorCode | undefined {
  const label = `${body.code ?? ''} ${body.type ?? ''}`;
  if (QUOTA_LABELS.test(label)) return 'PROVIDER_QUOTA';
  if (CONTEXT_LABELS.test(label)) return 'CONTEXT_TOO_LONG';
  if (CONTENT_LABELS.test(label)) return 'CONTENT_FILTERED';
  if (MODEL_LABELS.test(label)) return 'MODEL_NOT_FOUND';
  return undefined;
}

const ADVICE: Partial<Record<ErrorCode, string>> = {
  PROVIDER_AUTH: ': check its api_key',
  PROVIDER_QUOTA: ': its credit or spend limit is used up',
  MODEL_NOT_FOUND: ': check the model id, it may be retired',
};

function parseErrorBody(text: string): ErrorBody {
  try {
    const body: unknown = JSON.parse(text);
    return body !== null && typeof body === 'object' && 'error' in body ? toErrorBody(body.error) : {};
  } catch {
    return {};
  }
}

function toErrorBody(error: unknown): ErrorBody {
  if (error === null || typeof error !== 'object') return {};
  const code = 'code' in error ? labelText(error.code) : undefined;
  const type = 'type' in error ? labelText(error.type) : undefined;
  return { ...(code === undefined ? {} : { code }), ...(type === undefined ? {} : { type }) };
}

/** Only what looks like an identifier: a code may be shown, a sentence may hold a prompt. */
function labelText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? value : undefined;
}

function labelOf(body: ErrorBody): string {
  const label = body.code ?? body.type;
  return label === undefined ? '' : ` (${label})`;
}

function errorCodeOf(thrown: unknown): string | undefined {
  if (thrown === null || typeof thrown !== 'object') return undefined;
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return 'cause' in thrown ? errorCodeOf(thrown.cause) : undefined;
}
