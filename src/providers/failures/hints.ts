import type { ErrorCode } from '../../domain/errors.ts';
import { toldLimits, waitForReset } from '../limits/rate-limit-headers.ts';
import { boundWait, parseRetryAfter, waitInSentence } from '../limits/retry-after.ts';
import { parseMoment, parseSpan } from '../limits/wire-time.ts';
import type { HttpHeaders } from '../provider.ts';
import type { ErrorBody } from './error-body.ts';
import { textOf } from './fields.ts';

/** A limit of a minute cannot ask for more: where a daily limit is used up, such a wait is about another one. */
const MINUTE_MS = 60_000;
/** When a day begins for a provider nobody says: it is asked again every hour. */
const DAILY_WAIT_MS = 3_600_000;
/** Limits of money are by the month at the longest. */
const LONGEST_BENCH_MS = 32 * 86_400_000;

const CAN_PASS: ReadonlySet<ErrorCode> = new Set([
  'PROVIDER_RATE_LIMITED',
  'PROVIDER_OVERLOADED',
  'PROVIDER_FAILED',
] satisfies ErrorCode[]);

/** The wait that the answer asks for in so many words: in its headers or in a field of its body. */
export function askedWait(headers: HttpHeaders, body: ErrorBody, now: number): number | undefined {
  const inHeaders = parseRetryAfter(headers, now);
  return inHeaders ?? (body.retryAfterMs === undefined ? undefined : boundWait(body.retryAfterMs));
}

/** How long to wait before asking again, from the surest sign to the weakest; undefined when there is none. */
export function waitFor(code: ErrorCode, headers: HttpHeaders, body: ErrorBody, now: number): number | undefined {
  const asked = askedWait(headers, body, now);
  if (!CAN_PASS.has(code)) return asked;
  const told = asked ?? waitInSentence(body.sentence);
  if (body.isDaily) return told === undefined || told <= MINUTE_MS ? DAILY_WAIT_MS : told;
  if (told !== undefined || code !== 'PROVIDER_RATE_LIMITED') return told;
  const resetMs = waitForReset(toldLimits(headers, now)) ?? waitForReset(toldLimits(body.headers ?? {}, now));
  if (resetMs !== undefined) return boundWait(resetMs);
  return /per[ -]day|daily/i.test(body.sentence) ? DAILY_WAIT_MS : undefined;
}

/** How long a key is of no use: until its money or quota is back, where the provider says when that is. */
export function benchFor(code: ErrorCode, body: ErrorBody, now: number): number | undefined {
  if (code !== 'PROVIDER_QUOTA') return undefined;
  const restoredAt = body.restoredAt ?? restoredAtIn(body, now);
  if (restoredAt === undefined || restoredAt <= now) return undefined;
  return Math.min(Math.ceil(restoredAt - now), LONGEST_BENCH_MS);
}

function restoredAtIn({ labels, sentence }: ErrorBody, now: number): number | undefined {
  // Anthropic: "You will regain access on 2026-09-01 at 00:00 UTC."
  const [, date, time] = /regain access on (\d{4}-\d{2}-\d{2}) at (\d{2}:\d{2}) UTC/i.exec(sentence) ?? [];
  if (date !== undefined) return parseMoment(`${date}T${time}:00Z`);
  // Azure API Management: "Quota will be replenished in 02:13:45."
  const span = parseSpan(/replenished in ([\d:]{8}|\d{1,6}(?:\.\d{1,6})? \w{1,8})/i.exec(sentence)?.[1] ?? '');
  if (span !== undefined) return now + span;
  // Anthropic: the spend limit of a tier is by the calendar month.
  return labels.includes('enforced_spend_limit_reached') ? startOfNextMonth(now) : undefined;
}

function startOfNextMonth(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** `x-should-retry`, as OpenAI, Anthropic and gateways send it. */
export function shouldRetryIn(headers: HttpHeaders): boolean | undefined {
  const word = textOf(headers, 'x-should-retry');
  return word === 'true' || word === 'false' ? word === 'true' : undefined;
}

/** AWS names its errors in a header: `ThrottlingException:http://internal.amazon.com/…`. */
export function errorNameIn(headers: HttpHeaders): string | undefined {
  return textOf(headers, 'x-amzn-errortype')?.slice(0, 200).split(/[:;]/)[0];
}
