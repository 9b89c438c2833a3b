import type { ErrorBody } from './error-body.ts';
import { type Finding, FINDINGS } from './finding.ts';

/** What providers call their errors; the first that fits counts. */
const RULES: readonly [RegExp, Finding][] = [
  [/weight_exceeds_budget/, FINDINGS.tooDear],
  [/in_flight_budget/, FINDINGS.rateLimited],
  [/insufficient_(?:quota|credit|balance|fund)|credit_(?:balance|limit)|openrouter_credits/i, FINDINGS.quota],
  [/spend_limit|usage_limit_(?:exceeded|reached)|billing|budget|key_limit$|payment_required/i, FINDINGS.quota],
  [/context_?(?:length|window|size)|prompt_too_long|string_(?:too_long|above_max)/i, FINDINGS.tooLong],
  [/max_tokens_exceeded/, FINDINGS.answerTooLong],
  [/tokens?_limit_(?:exceeded|reached)|(?:request|payload)_too_large/i, FINDINGS.tooLarge],
  [/content_?(?:filter|policy|moderation)|ResponsibleAI|moderation|policy_violation|guardrail/i, FINDINGS.filtered],
  [/hooks_failed|^refusal$|data_inspection_failed/i, FINDINGS.filtered],
  [/unsupported_country/i, FINDINGS.wrongPlace],
  [/image_(?:too_|not_found|download)|invalid_image|unsupported_image/i, FINDINGS.rejected],
  [/_restricted$|constraint_filtered|free_variant_ended/i, FINDINGS.modelRestricted],
  [/model_access_denied|model_terms_required/i, FINDINGS.modelDenied],
  [/model_?not_?found|model_(?:deprecated|decommissioned|unavailable|not_\w+)/i, FINDINGS.noModel],
  [/no_endpoints|wrong_endpoint|(?:invalid|unknown|unsupported)_model/i, FINDINGS.noModel],
  [/DeploymentNotFound|OperationNotSupported|ResourceNotFound/i, FINDINGS.noModel],
  [/rate_?limit|throttl|too_?many_?requests|capacity_ex|RESOURCE_EXHAUSTED|slow_down/i, FINDINGS.rateLimited],
  [/overloaded|temporarily_unavailable|ModelNotReady/i, FINDINGS.overloaded],
  [/invalid_api_key|API_KEY_|authentication|UNAUTHENTICATED|token_not_found|expired_key/i, FINDINGS.auth],
  [/ExpiredToken|UnrecognizedClient|InvalidSignature|IncompleteSignature|_deactivated$|_SUSPENDED$/i, FINDINGS.auth],
];

export function findLabel({ labels }: ErrorBody): Finding | undefined {
  return RULES.find(([pattern]) => labels.some((label) => pattern.test(label)))?.[1];
}

/** Error names as an HTTP status: of OpenAI, Anthropic, Google (gRPC) and OpenRouter (`error_type`, `availability.code`). */
const NAMES_BY_STATUS: readonly [number, string][] = [
  [400, 'invalid_request invalid_request_error invalid_prompt unprocessable precondition_failed refusal'],
  [400, 'context_length_exceeded max_tokens_exceeded token_limit_exceeded string_too_long content_policy_violation'],
  [400, 'invalid_image image_too_large image_too_small unsupported_image_format image_download_failed image_not_found'],
  [400, 'INVALID_ARGUMENT FAILED_PRECONDITION'],
  [401, 'authentication authentication_error UNAUTHENTICATED'],
  [402, 'payment_required billing_error'],
  [403, 'permission_denied permission_error PERMISSION_DENIED region_restricted privacy_restricted'],
  [404, 'not_found not_found_error NOT_FOUND model_not_found no_endpoints model_deprecated model_unavailable_upstream'],
  [404, 'constraint_filtered free_variant_ended wrong_endpoint'],
  [413, 'payload_too_large request_too_large'],
  [429, 'rate_limit_exceeded rate_limit_error capacity_exhausted RESOURCE_EXHAUSTED'],
  [500, 'server server_error api_error unmapped INTERNAL'],
  [502, 'provider_unavailable'],
  [503, 'provider_overloaded temporarily_unavailable UNAVAILABLE'],
  [504, 'timeout timeout_error DEADLINE_EXCEEDED'],
  [529, 'overloaded_error'],
];
const STATUS_OF_NAME = new Map(
  NAMES_BY_STATUS.flatMap(([status, names]) => names.split(' ').map((name) => [name, status] as const)),
);

/** The HTTP status that would say the same as the first of the names that is known. */
export function statusOfNames(names: readonly string[]): number | undefined {
  const known = names.find((name) => STATUS_OF_NAME.has(name));
  return known === undefined ? undefined : STATUS_OF_NAME.get(known);
}
