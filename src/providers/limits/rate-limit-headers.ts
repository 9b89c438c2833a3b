import type { ToldLimit, ToldLimits } from '../../domain/rate-limits.ts';
import { textOf } from '../failures/fields.ts';
import type { HttpHeaders } from '../provider.ts';
import { parseAmount, parseMoment, parseSpan } from './wire-time.ts';

/** Names of the headers that tell a limit, what is left of it and when it is whole again. */
type Names = { limit: string; remaining: string; reset: string; windowMs?: number };

/** OpenAI, Azure, Groq and others; with `-minute`, `-hour` or `-day` behind it Cerebras and Mistral, who may leave out the reset. */
function openAiNames(what: string): Names[] {
  const name = (field: string, suffix: string): string => `x-ratelimit-${field}-${what}${suffix}`;
  const windows: [string, number | undefined][] = [
    ['', undefined],
    ['-minute', 60_000],
    ['-hour', 3_600_000],
    ['-day', 86_400_000],
  ];
  return windows.map(([suffix, windowMs]) => ({
    limit: name('limit', suffix),
    remaining: name('remaining', suffix),
    reset: name('reset', suffix),
    ...(windowMs === undefined ? {} : { windowMs }),
  }));
}

function anthropicNames(what: string): Names {
  const name = (field: string): string => `anthropic-ratelimit-${what}-${field}`;
  return { limit: name('limit'), remaining: name('remaining'), reset: name('reset') };
}

const REQUESTS: readonly Names[] = [
  ...openAiNames('requests'),
  ...openAiNames('req'),
  anthropicNames('requests'),
  // OpenRouter (reset in epoch milliseconds) and Together (in seconds).
  { limit: 'x-ratelimit-limit', remaining: 'x-ratelimit-remaining', reset: 'x-ratelimit-reset' },
  // IETF draft-ietf-httpapi-ratelimit-headers up to 06.
  { limit: 'ratelimit-limit', remaining: 'ratelimit-remaining', reset: 'ratelimit-reset' },
];

const TOKENS: readonly Names[] = [
  ...openAiNames('tokens'),
  ...['tokens', 'input-tokens', 'output-tokens'].map(anthropicNames),
  { limit: 'x-tokenlimit-limit', remaining: 'x-tokenlimit-remaining', reset: 'x-ratelimit-reset' },
];

/**
 * What an answer's headers tell about the limits of the key and the model, whichever provider sent it. Where they tell
 * several of a kind, the one that will be reached first. Nonsense (negative, more left than the limit) is not said.
 */
export function toldLimits(headers: HttpHeaders, now: number): ToldLimits | undefined {
  if (!tellsOfLimits(headers)) return undefined;
  const requests = tightestOf([...REQUESTS.map((names) => readLimit(headers, names, now)), ...ietfLimits(headers)]);
  const tokens = tightestOf(TOKENS.map((names) => readLimit(headers, names, now)));
  if (requests === undefined && tokens === undefined) return undefined;
  return { ...(requests && { requests }), ...(tokens && { tokens }) };
}

/** Most answers tell nothing, and to look for each name in every answer takes longer than it took to write the request. */
function tellsOfLimits(headers: HttpHeaders): boolean {
  try {
    return Object.keys(headers).some((name) => name.includes('limit'));
  } catch {
    return false;
  }
}

/** The wait until a limit that is used up is whole again: an upper bound, for answers that do not say how long. */
export function waitForReset(limits: ToldLimits | undefined): number | undefined {
  const waits = [limits?.requests, limits?.tokens].flatMap((limit) => (limit?.remaining === 0 ? [limit.resetMs] : []));
  return waits.length === 0 ? undefined : Math.max(...waits);
}

function readLimit(headers: HttpHeaders, names: Names, now: number): ToldLimit | undefined {
  const limit = parseCount(textOf(headers, names.limit));
  if (limit === undefined) return undefined;
  const reset = textOf(headers, names.reset);
  const resetMs = reset === undefined ? names.windowMs : parseReset(reset, now);
  return toLimit(limit, parseCount(textOf(headers, names.remaining)), resetMs);
}

/** Longer than any window: a year in seconds that somebody took for milliseconds. */
const LONGEST_RESET_MS = 32 * 86_400_000;

function toLimit(limit?: number, remaining?: number, resetMs?: number): ToldLimit | undefined {
  if (limit === undefined || remaining === undefined || resetMs === undefined) return undefined;
  if (limit < 1 || remaining > limit || resetMs > LONGEST_RESET_MS) return undefined;
  return { limit, remaining, resetMs };
}

function tightestOf(limits: readonly (ToldLimit | undefined)[]): ToldLimit | undefined {
  return limits
    .filter((limit) => limit !== undefined)
    .reduce<ToldLimit | undefined>((tightest, limit) => {
      if (tightest === undefined || limit.remaining < tightest.remaining) return limit;
      return limit.remaining === tightest.remaining && limit.resetMs > tightest.resetMs ? limit : tightest;
    }, undefined);
}

/** A whole number; of a list ("100, 100;w=60") the first one, which is the limit that is nearest. */
function parseCount(text = ''): number | undefined {
  const count = /^\s*(\d{1,15})\s*(?:[,;]|$)/.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}

/** From now, whether written as a span, a moment, seconds, or seconds or milliseconds since 1970. */
function parseReset(text: string, now: number): number | undefined {
  const amount = parseAmount(text);
  const moment = amount === undefined ? parseMoment(text) : momentOf(amount);
  const milliseconds = moment === undefined ? spanOf(amount, text) : moment - now;
  return milliseconds === undefined ? undefined : Math.max(0, Math.ceil(milliseconds));
}

function momentOf(amount: number): number | undefined {
  if (amount >= 1e12) return amount;
  return amount >= 1e9 ? amount * 1_000 : undefined;
}

function spanOf(seconds: number | undefined, text: string): number | undefined {
  return seconds === undefined ? parseSpan(text) : seconds * 1_000;
}

/** The draft since 08: `ratelimit: "minute";r=5;t=30` beside `ratelimit-policy: "minute";q=100;w=60`. */
function ietfLimits(headers: HttpHeaders): (ToldLimit | undefined)[] {
  const told = textOf(headers, 'ratelimit');
  if (told === undefined) return [];
  const policies = parseItems(textOf(headers, 'ratelimit-policy'));
  return [...parseItems(told)].map(([name, { r: remaining, t: seconds }]) => {
    const policy = policies.get(name);
    // Quotas of bytes or of concurrent requests are none of ours.
    if (policy?.qu !== undefined && policy.qu !== 'requests') return undefined;
    const window = parseCount(seconds ?? policy?.w);
    return toLimit(parseCount(policy?.q), parseCount(remaining), window === undefined ? undefined : window * 1_000);
  });
}

type Item = { r?: string; t?: string; q?: string; w?: string; qu?: string };

/** Structured fields (RFC 9651), as far as they are needed: `"name";key=value;key="value", "other"`. */
function parseItems(text = ''): ReadonlyMap<string, Item> {
  const items = text.slice(0, 1_000).split(',');
  return new Map(
    items.flatMap((item) => {
      const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
      const values = parameters.map((parameter): [string, string] => {
        const [key = '', value = ''] = parameter.split('=');
        return [key, value.replaceAll('"', '')];
      });
      return /^"[^"]{1,64}"$/.test(name) ? [[name, Object.fromEntries(values) as Item] as const] : [];
    }),
  );
}
