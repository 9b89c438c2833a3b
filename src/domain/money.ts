/**
 * Money is an integer number of nano-dollars (10^-9 USD) in a JavaScript number: exact up to about nine million dollars.
 * Prices are integer pico-dollars (10^-12 USD) a token, so that a price of $0.0375 a million tokens stays exact.
 */

const NANOS_PER_USD = 1_000_000_000;
const PICOS_PER_NANO = 1_000;

/** The highest price that a model may have. */
export const MOST_USD_PER_MILLION = 100_000;

/** Dollars, as people write them, in nano-dollars; rounds to the nearest. */
export function usdToNanos(usd: number): number {
  return Math.round(usd * NANOS_PER_USD);
}

export function nanosToUsd(nanos: number): number {
  return nanos / NANOS_PER_USD;
}

/** USD per million tokens, as price lists give it, in pico-dollars per token. Only a price of 0 becomes 0. */
export function usdPerMillionToPicosPerToken(usdPerMillion: number): number {
  return usdPerMillion > 0 ? Math.max(1, Math.round(usdPerMillion * 1_000_000)) : 0;
}

/** Pico-dollars as nano-dollars, rounded up: an estimate is never short, and a bill never 0 by rounding. */
export function nanosOfPicos(picos: number): number {
  return Math.ceil(picos / PICOS_PER_NANO);
}

/** For people: `$1.23`, `-$0.0042`, `$0.00000031`: at least two significant digits, never rounded to nothing. */
export function formatUsd(nanos: number): string {
  const sign = nanos < 0 ? '-' : '';
  const usd = nanosToUsd(Math.abs(nanos));
  if (usd === 0) return '$0.00';
  if (usd >= 0.1) return `${sign}$${usd.toFixed(2)}`;
  const digits = Math.min(9, 1 - Math.floor(Math.log10(usd)));
  return `${sign}$${usd.toFixed(Math.max(digits, 4))}`;
}
