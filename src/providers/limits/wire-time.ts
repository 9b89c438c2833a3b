const UNITS_IN_MS: readonly [RegExp, number][] = [
  [/^(?:ns|us|µs|μs)$/, 0],
  [/^(?:ms|milliseconds?)$/, 1],
  [/^(?:s|secs?|seconds?)$/, 1_000],
  [/^(?:m|mins?|minutes?)$/, 60_000],
  [/^(?:h|hrs?|hours?)$/, 3_600_000],
  [/^(?:d|days?)$/, 86_400_000],
];
const PART = /(\d{1,15}(?:\.\d{1,15})?) ?([a-zµμ]{1,12}) ?/giy;

/**
 * A span of time in milliseconds, as Go writes it (`1s`, `6m0s`, `120ms`, `1h2m3.5s`), as people do (`18 seconds`,
 * `2.12 days`) or as clocks do (`02:13:45`). Undefined when the text is anything else.
 */
export function parseSpan(text: string): number | undefined {
  const trimmed = text.trim();
  const clock = /^(\d{1,4}):(\d{2}):(\d{2})$/.exec(trimmed);
  if (clock) return (Number(clock[1]) * 3_600 + Number(clock[2]) * 60 + Number(clock[3])) * 1_000;
  let [milliseconds, length] = [0, 0];
  for (const [part, amount, unit = ''] of trimmed.matchAll(PART)) {
    const unitMs = UNITS_IN_MS.find(([pattern]) => pattern.test(unit.toLowerCase()))?.[1];
    if (unitMs === undefined) return undefined;
    milliseconds += Number(amount) * unitMs;
    length += part.length;
  }
  return length > 0 && length === trimmed.length ? milliseconds : undefined;
}

/**
 * The three forms of RFC 9110 (`Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`,
 * `Sun Nov  6 08:49:37 1994`) and RFC 3339. Date.parse alone takes nearly every word for a date.
 */
const HTTP_DATE = /^[a-z]{3,9}, \d{1,2}[ -][a-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/i;
const ASCTIME = /^[a-z]{3} [a-z]{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/i;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;

/** A moment in epoch milliseconds, or undefined when the text is none. */
export function parseMoment(text: string): number | undefined {
  const trimmed = text.trim();
  // An asctime names no zone and means GMT; Date.parse would take it for local time.
  const written = ASCTIME.test(trimmed) ? `${trimmed} GMT` : trimmed;
  if (written === trimmed && !HTTP_DATE.test(trimmed) && !RFC_3339.test(trimmed)) return undefined;
  const moment = Date.parse(written);
  return Number.isNaN(moment) ? undefined : moment;
}

/** A decimal number that is not negative, or undefined when the text is none. */
export function parseAmount(text: string): number | undefined {
  return /^\s*\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}
