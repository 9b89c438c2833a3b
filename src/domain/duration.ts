import { z } from 'zod';

const UNITS_IN_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** `500ms`, `60s`, `5m`, `24h`, `7d` in milliseconds, or undefined when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = PATTERN.exec(text.trim());
  if (!match) return undefined;
  const [, amount, unit] = match;
  return Math.round(Number(amount) * UNITS_IN_MS[unit as keyof typeof UNITS_IN_MS]);
}

/** A duration in a configuration file; read as milliseconds. */
export const Duration = z.string().transform((text, context): number => {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined) return milliseconds;
  context.addIssue({ code: 'custom', message: `expected a duration such as 500ms, 60s, 5m, 24h or 7d, got "${text}"` });
  return z.NEVER;
});
