import { z } from 'zod';
import { show } from './issues.ts';

const UNITS_IN_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A year. What is kept that long is kept in a file. */
export const LONGEST_KEEP_MS = 366 * UNITS_IN_MS.d;
/** Well below the 24.8 days at which timers wrap around and fire at once. */
export const MOST_TIMER_MS = UNITS_IN_MS.d;
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** `500ms`, `60s`, `5m`, `24h`, `7d` in milliseconds, or undefined when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = PATTERN.exec(text.trim());
  if (!match) return undefined;
  const [, amount, unit] = match;
  return Math.round(Number(amount) * UNITS_IN_MS[unit as keyof typeof UNITS_IN_MS]);
}

/** A duration in a configuration file; read as milliseconds. */
export const Duration = durationOf(0, LONGEST_KEEP_MS);

/** A duration with bounds of its own, in milliseconds. */
export function durationOf(
  shortestMs: number,
  longestMs: number,
): z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> {
  return z.string().transform((text, context): number => {
    const milliseconds = parseDuration(text);
    if (milliseconds !== undefined && milliseconds >= shortestMs && milliseconds <= longestMs) return milliseconds;
    const message =
      milliseconds === undefined
        ? `expected a duration such as 500ms, 60s, 5m, 24h or 7d, got ${show(text)}`
        : `must be from ${formatDuration(shortestMs)} to ${formatDuration(longestMs)}, got ${show(text)}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** In the largest unit that needs no fraction: `24h` is `1d`, `90s` stays `90s`. */
function formatDuration(milliseconds: number): string {
  const units = Object.entries(UNITS_IN_MS).toReversed();
  const [unit, size] = units.find(([, ms]) => milliseconds >= ms && milliseconds % ms === 0) ?? ['ms', 1];
  return `${milliseconds / size}${unit}`;
}
