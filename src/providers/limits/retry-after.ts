import { textOf } from '../failures/fields.ts';
import type { HttpHeaders } from '../provider.ts';
import { parseAmount, parseMoment, parseSpan } from './wire-time.ts';

/** So that a hostile value cannot park a job for ever. */
const LONGEST_WAIT_MS = 24 * 3_600_000;

/**
 * How long the headers ask us to wait, in milliseconds from 0 to a day, or undefined when they do not say or say nonsense.
 * Read in this order: `retry-after-ms`, `x-ms-retry-after-ms` (Azure), `retry-after` as seconds, an HTTP date in any of
 * its three forms, or an RFC 3339 date.
 */
export function parseRetryAfter(headers: HttpHeaders, now: number): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const milliseconds = parseAmount(textOf(headers, name) ?? '');
    if (milliseconds !== undefined) return boundWait(milliseconds);
  }
  const text = textOf(headers, 'retry-after') ?? '';
  const seconds = parseAmount(text);
  if (seconds !== undefined) return boundWait(seconds * 1_000);
  const moment = parseMoment(text);
  return moment === undefined ? undefined : boundWait(moment - now);
}

const SPAN = String.raw`\d{1,9}(?:\.\d{1,12})? ?[a-zµ]{1,12}(?: ?\d{1,9}(?:\.\d{1,12})? ?[a-zµ]{1,12}){0,4}`;
/** The two words may stand apart: "try again later in 5 minutes". */
const WAIT_SENTENCE = new RegExp(String.raw`\b(?:try again|retry)\b.{0,16}?\b(?:in|after) (${SPAN})`, 'i');

/** The wait that a provider's sentence asks for: "Please try again in 6m0s", "Please retry after 18 seconds." */
export function waitInSentence(sentence: string): number | undefined {
  const span = parseLongestSpan(WAIT_SENTENCE.exec(sentence)?.[1] ?? '');
  return span === undefined ? undefined : boundWait(span);
}

/** What follows the span may look like a part of it ("in 5 minutes 3 times"). */
function parseLongestSpan(text: string): number | undefined {
  for (let words = text.split(' '); words.length > 0; words = words.slice(0, -1)) {
    const span = parseSpan(words.join(' '));
    if (span !== undefined) return span;
  }
  return undefined;
}

export function boundWait(milliseconds: number): number {
  return Math.min(Math.max(0, Math.ceil(milliseconds)), LONGEST_WAIT_MS);
}
