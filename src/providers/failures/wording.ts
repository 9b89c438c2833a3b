import type { ErrorCode } from '../../domain/errors.ts';
import type { ErrorBody } from './error-body.ts';
import type { Finding } from './finding.ts';

const ADVICE: Partial<Record<ErrorCode, string>> = {
  PROVIDER_AUTH: ': check its api_key',
  PROVIDER_QUOTA: ': its credit or spend limit is used up',
  MODEL_NOT_FOUND: ': check the model id, it may be retired',
};

/** What can be done about it, in our words. */
export function adviceOf({ code, advice = ADVICE[code] ?? '' }: Finding): string {
  return advice;
}

/** `rate_limit_exceeded`, `RESOURCE_EXHAUSTED`, `DeploymentNotFound`, `rateLimitExceeded`: words, as no key and no sentence is. */
const LABEL =
  /^(?:[a-z]{1,16}(?:[_-][a-z]{1,16}){0,8}|[A-Z]{1,20}(?:_[A-Z]{1,20}){0,8}|(?:[a-z]{2,15}|AI|API|[A-Z][a-z]{1,15})(?:AI|API|[A-Z][a-z]{1,15}){0,5})$/;

/** Fields of our own requests; whatever else may stand there has come from elsewhere. */
const PARAM =
  /^(?:messages|model|tools|tool_choice|parallel_tool_calls|response_format|text|stop|stop_sequences|seed|temperature|top_p|top_k|frequency_penalty|presence_penalty|reasoning_effort|max_tokens|max_completion_tokens|max_output_tokens|stream|stream_options|service_tier|user|metadata)\b/;

/**
 * What the provider calls its error, and the field of the request that it names, for a person: ` (unsupported_value,
 * temperature)`. Nothing but words of that kind is shown: bodies are known to echo prompts and keys.
 */
export function labelOf({ labels, param = '' }: Pick<ErrorBody, 'labels' | 'param'>): string {
  const label = labels.find((candidate) => candidate.length <= 64 && LABEL.test(candidate));
  const words = [label, PARAM.exec(param)?.[0]].filter((word) => word !== undefined);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}
