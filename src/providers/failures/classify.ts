import type { ErrorBody } from './error-body.ts';
import { type Finding, FINDINGS } from './finding.ts';
import { findLabel, statusOfNames } from './labels.ts';
import { findSentence } from './sentences.ts';

/** What the headers say about trying again. */
export type RetryWord = {
  /** How long to wait. */
  retryAfterMs: number | undefined;
  /** `x-should-retry` */
  shouldRetry: boolean | undefined;
};

/** What an answer with this status and body means. */
export function classify(httpStatus: number, body: ErrorBody, word: RetryWord): Finding {
  const status = typedStatus(httpStatus, body) ?? httpStatus;
  if (status < 300) return FINDINGS.noAnswer;
  // The key belongs to one origin.
  if (status < 400) return FINDINGS.redirect;
  if (status >= 500) return ofServerError(status, body);
  if (status === 402) return ofUnpaid(body, word);
  if (status === 429) return ofTooMany(body, word);
  // A request that is too large for a limit is called `rate_limit_exceeded`, too.
  if (status === 413) return findSentence(status, body) ?? FINDINGS.tooLarge;
  return findLabel(body) ?? findSentence(status, body) ?? ofClientError(status, body, word);
}

/** What an error means that came inside of a 200, by the status that it names, or by its name. */
export function classifyInside(body: ErrorBody): Finding {
  const status = body.status ?? statusOfNames(body.labels);
  if (status !== undefined) return classify(status, body, { retryAfterMs: body.retryAfterMs, shouldRetry: undefined });
  return findLabel(body) ?? FINDINGS.failed;
}

/** OpenRouter's own words for an error count for more than the status with which it passes it on. */
function typedStatus(httpStatus: number, { typed, isRetryable }: ErrorBody): number | undefined {
  const known = statusOfNames(typed);
  if (known !== undefined || typed.length === 0 || isRetryable === undefined || httpStatus < 400) return known;
  if (!isRetryable) return httpStatus === 403 ? 404 : undefined;
  return httpStatus === 429 || httpStatus >= 500 ? undefined : 503;
}

function ofServerError(status: number, body: ErrorBody): Finding {
  const isOverloaded = status === 503 || status === 529 || findLabel(body) === FINDINGS.overloaded;
  return isOverloaded ? FINDINGS.overloaded : FINDINGS.failed;
}

/** Money that is only held by calls under way comes back by itself, and only then is a time told. */
function ofUnpaid(body: ErrorBody, { retryAfterMs }: RetryWord): Finding {
  const labelled = findLabel(body);
  if (labelled === FINDINGS.tooDear || labelled === FINDINGS.rateLimited) return labelled;
  return retryAfterMs === undefined ? FINDINGS.quota : FINDINGS.rateLimited;
}

function ofTooMany(body: ErrorBody, { retryAfterMs, shouldRetry }: RetryWord): Finding {
  const labelled = findLabel(body);
  if (labelled === FINDINGS.quota || labelled === FINDINGS.tooLong) return labelled;
  const worded = findSentence(429, body);
  if (worded !== undefined) return worded;
  // Whoever limits a rate says so, or for how long.
  const isFinal = shouldRetry === false && retryAfterMs === undefined && labelled === undefined;
  return isFinal ? FINDINGS.quota : FINDINGS.rateLimited;
}

function ofClientError(status: number, { isPage }: ErrorBody, { shouldRetry }: RetryWord): Finding {
  switch (status) {
    case 401:
      return FINDINGS.auth;
    case 403:
    case 407:
      return isPage ? FINDINGS.blocked : FINDINGS.auth;
    case 404:
    case 410:
      return isPage ? FINDINGS.noSuchPage : FINDINGS.noModel;
    case 405:
      return FINDINGS.noApi;
    case 408:
    case 409:
    case 421:
    case 423:
    // A step that the answer hangs on (text-generation-inference, Bedrock).
    case 424:
    case 425:
    case 499:
      return FINDINGS.failed;
    // Portkey: a budget is used up; a guardrail has refused.
    case 412:
      return FINDINGS.quota;
    case 446:
      return FINDINGS.filtered;
    case 451:
      return FINDINGS.modelRestricted;
    // Groq: no capacity in the flex tier.
    case 498:
      return FINDINGS.rateLimited;
    default:
      return shouldRetry === true ? FINDINGS.failed : FINDINGS.rejected;
  }
}
