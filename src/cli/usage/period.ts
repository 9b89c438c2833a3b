import { type UsageDimension, USAGE_DIMENSIONS } from '../../domain/usage-sums.ts';
import { DAY_MS, FIRST_ID, dayOfId, dayOfTime, nextDay, startOfDay, timeOfId } from '../../store/stream-id.ts';
import { formatTime } from '../format.ts';
import type { Dimension } from './groups.ts';

/** From where the parts of a period come when the stream has lost its beginning to the archive. */
export type Division = {
  /** Whole days, both ends included, that the rollups know; `first` undefined for the oldest. */
  days?: { first: string | undefined; last: string };
  /** What only the archive knows, in epoch milliseconds; `sinceMs` undefined for the oldest. */
  missing?: { sinceMs: number | undefined; untilMs: number };
};

/**
 * `trimmedId` is the last record that is no longer in the stream. With `hasRollups` the rollups can answer the question,
 * if only by whole days: the day on which the stream begins comes from them, too, since the stream has half of it.
 */
export function dividePeriod(period: {
  sinceMs: number | undefined;
  trimmedId: string;
  hasRollups: boolean;
}): Division {
  const { sinceMs, trimmedId, hasRollups } = period;
  const untilMs = timeOfId(trimmedId);
  if (trimmedId === FIRST_ID || (sinceMs !== undefined && sinceMs > untilMs)) return {};
  const last = dayOfId(trimmedId);
  const first = sinceMs === undefined ? undefined : firstWholeDay(sinceMs);
  if (!hasRollups || (first !== undefined && first > last)) return { missing: { sinceMs, untilMs } };
  const beginMs = first === undefined ? undefined : startOfDay(first);
  return {
    days: { first, last },
    ...(beginMs === sinceMs ? {} : { missing: { sinceMs, untilMs: (beginMs ?? 0) - 1 } }),
  };
}

/** The dimension by which the rollups answer the question, if they can: they know each one by itself, and by day. */
export function rollupDimension(by: readonly Dimension[], batch: string | undefined): UsageDimension | undefined {
  if (batch !== undefined) return undefined;
  const names = by.filter((name) => name !== 'day');
  const [only = 'model', ...more] = names;
  return more.length === 0 && Object.hasOwn(USAGE_DIMENSIONS, only) ? (only as UsageDimension) : undefined;
}

/** For people: what is not in an answer, and where it is. */
export function describeMissing(
  { sinceMs, untilMs }: NonNullable<Division['missing']>,
  directory: string | undefined,
): string {
  const from = sinceMs === undefined ? '' : `from ${formatTime(sinceMs)} `;
  return `not in it: calls ${from}to ${formatTime(untilMs)} UTC, which are archived in ${directory ?? 'files'}`;
}

function firstWholeDay(sinceMs: number): string {
  const day = dayOfTime(sinceMs);
  return sinceMs % DAY_MS === 0 ? day : nextDay(day);
}
