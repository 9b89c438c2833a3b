import type { DoorLevel, DoorLevels, DoorSubject } from '../store/door.ts';

export type RateHeaders = Record<string, string>;

/** OpenAI's `x-ratelimit-*` headers: of each kind those of whoever has least left. */
export function rateHeadersOf(subjects: readonly DoorSubject[], levels: readonly DoorLevels[]): RateHeaders {
  return { ...headersOf('requests', subjects, levels), ...headersOf('tokens', subjects, levels) };
}

function headersOf(
  kind: 'requests' | 'tokens',
  subjects: readonly DoorSubject[],
  levels: readonly DoorLevels[],
): RateHeaders {
  let tightest: (DoorLevel & { limit: number }) | undefined;
  for (const [index, { limits }] of subjects.entries()) {
    const limit = limits[`${kind}_per_minute`];
    const level = levels[index]?.[kind];
    if (limit === undefined || level === undefined) continue;
    if (tightest === undefined || level.remaining < tightest.remaining) tightest = { ...level, limit };
  }
  if (tightest === undefined) return {};
  return {
    [`x-ratelimit-limit-${kind}`]: String(tightest.limit),
    [`x-ratelimit-remaining-${kind}`]: String(tightest.remaining),
    [`x-ratelimit-reset-${kind}`]: formatReset(tightest.resetMs),
  };
}

/** As OpenAI writes durations: `20ms`, `1.2s`, `6m0s`, `1h0m5s`. */
export function formatReset(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.ceil(milliseconds)}ms`;
  if (milliseconds < 60_000) return `${Math.ceil(milliseconds) / 1_000}s`;
  const seconds = Math.ceil(milliseconds / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return `${hours > 0 ? `${hours}h` : ''}${minutes}m${seconds % 60}s`;
}
