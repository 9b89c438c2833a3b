const LONGEST_MS = 24 * 3_600_000;

/** `Sun, 06 Nov 1994 08:49:37 GMT`, or with dashes as in RFC 850. Date.parse alone takes nearly every word for a date. */
const HTTP_DATE = /^\s*[a-z]{3,9}, \d{1,2}[ -][a-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT\s*$/i;

type Headers = Record<string, string | string[] | undefined>;

/**
 * How long the other side asks us to wait, in milliseconds, or undefined when it does not say or says nonsense.
 * Read in this order: `retry-after-ms`, `x-ms-retry-after-ms` (Azure), `retry-after` as seconds or as an HTTP date.
 * Bounded to a day, so that a hostile value cannot park a job for ever.
 */
export function parseRetryAfter(headers: Headers, now: number): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const milliseconds = parseAmount(first(headers[name]));
    if (milliseconds !== undefined) return clamp(milliseconds);
  }
  const text = first(headers['retry-after']);
  const seconds = parseAmount(text);
  if (seconds !== undefined) return clamp(seconds * 1_000);
  const date = HTTP_DATE.test(text ?? '') ? Date.parse(text ?? '') : Number.NaN;
  return Number.isNaN(date) ? undefined : clamp(date - now);
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function parseAmount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*\d+(\.\d+)?\s*$/.test(text)) return undefined;
  return Number(text);
}

function clamp(milliseconds: number): number {
  return Math.min(Math.max(0, Math.ceil(milliseconds)), LONGEST_MS);
}
