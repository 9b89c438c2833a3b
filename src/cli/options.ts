import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../domain/duration.ts';

/** How the values of options are read. Each throws what commander turns into one line and exit code 2. */

/** A whole number of at least 1. */
export function parseCount(text: string): number {
  return parseInteger(text, 1, Number.MAX_SAFE_INTEGER);
}

/** A whole number, 0 for none at all. */
export function parseCountOrNone(text: string): number {
  return parseInteger(text, 0, Number.MAX_SAFE_INTEGER);
}

/** A TCP port; 0 takes any that is free. */
export function parsePort(text: string): number {
  return parseInteger(text, 0, 65_535);
}

export function parseSeed(text: string): number {
  return parseInteger(text, 0, 2 ** 32 - 1);
}

export function parseUsd(text: string): number {
  const usd = /^\$?\d*\.?\d+$/.test(text) ? Number(text.replace('$', '')) : Number.NaN;
  if (usd > 0) return usd;
  throw new InvalidArgumentError('Give dollars above 0, such as 0.002.');
}

/** `24h`, `7d`: so long ago. `2026-11-01`, `2026-11-01T12:00Z`: then, in UTC. In epoch milliseconds. */
export function parseSince(text: string, now: number = Date.now()): number {
  const durationMs = parseDuration(text);
  if (durationMs !== undefined) return now - durationMs;
  const time = /^\d{4}-\d\d-\d\d(T|$)/.test(text) ? Date.parse(withZone(text)) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new InvalidArgumentError('Give a duration such as 30m, 24h or 7d, or a date such as 2026-11-01.');
}

/** For options that may be given many times. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** A time without a zone would be read as local time; a date alone is UTC already. */
function withZone(text: string): string {
  return text.includes('T') && !/(Z|[+-]\d\d:?\d\d)$/.test(text) ? `${text}Z` : text;
}

function parseInteger(text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new InvalidArgumentError(`Give a whole number ${range}.`);
}
