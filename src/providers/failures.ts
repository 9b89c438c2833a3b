import { type ErrorDetails, GatewayError } from '../domain/errors.ts';
import { classify, classifyInside } from './failures/classify.ts';
import { type ErrorBody, parseErrorBody, toErrorBody } from './failures/error-body.ts';
import { excerptOf } from './failures/excerpt.ts';
import type { Finding } from './failures/finding.ts';
import { askedWait, benchFor, errorNameIn, shouldRetryIn, waitFor } from './failures/hints.ts';
import type { Bill } from './failures/useless.ts';
import { adviceOf, labelOf } from './failures/wording.ts';
import type { HttpAnswer } from './transport/http.ts';
import type { HttpHeaders } from './provider.ts';

/**
 * The one classifier: an answer that is no success, or anything thrown, as exactly one error, with what the provider says
 * about when to ask again. It never throws and looks at a bounded part of what it is given. The provider's own words stay
 * out of the message: error bodies echo prompts and keys. The name of its error does not.
 */

export { failureOfThrown } from './failures/thrown.ts';
export { badResponse, contentFiltered } from './failures/useless.ts';

/** `now` in epoch milliseconds. */
export function failureOfAnswer(provider: string, answer: HttpAnswer, now: number): GatewayError {
  const { status, headers } = answer;
  const body = parseErrorBody(answer.text);
  const errorName = errorNameIn(headers);
  if (errorName !== undefined) body.labels.push(errorName);
  const word = { retryAfterMs: askedWait(headers, body, now), shouldRetry: shouldRetryIn(headers) };
  const finding = classify(status, body, word);
  const details = detailsOf(provider, status, finding, headers, body, now);
  if (mayHaveWorked(status, body)) details.billUnknown = true;
  return failure(`${provider} answered ${status}`, finding, body, details);
}

/**
 * HTTP 200 with an error inside, as gateways send it when a model fails after they have accepted the request. `billed` is
 * what was used until then, where the answer told.
 */
export function failureInBody(provider: string, error: unknown, billed?: Bill): GatewayError {
  const body = toErrorBody(error);
  const finding = classifyInside(body);
  const details = detailsOf(provider, body.status ?? 200, finding, {}, body, Date.now());
  if (billed !== undefined) details.billed = billed;
  return failure(`${provider} answered 200 with an error inside`, finding, body, details);
}

function detailsOf(
  provider: string,
  status: number,
  { code }: Finding,
  headers: HttpHeaders,
  body: ErrorBody,
  now: number,
): ErrorDetails {
  const details: ErrorDetails = { provider, status };
  const retryAfterMs = waitFor(code, headers, body, now);
  if (retryAfterMs !== undefined) details.retryAfterMs = retryAfterMs;
  const benchMs = benchFor(code, body, now);
  if (benchMs !== undefined) details.benchMs = benchMs;
  return details;
}

/** A success that is none; or a proxy that has given up waiting, while the provider behind it may go on and charge. */
function mayHaveWorked(status: number, { isPage }: ErrorBody): boolean {
  return (status >= 200 && status < 300) || (isPage && (status === 504 || status === 524));
}

function failure(what: string, finding: Finding, body: ErrorBody, details: ErrorDetails): GatewayError {
  const excerpt = excerptOf(body.sentence);
  const cause = excerpt === undefined ? {} : { cause: new Error(excerpt) };
  return new GatewayError(finding.code, `${what}${labelOf(body)}${adviceOf(finding)}`, details, cause);
}
