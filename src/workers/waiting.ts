import type { ClosedGate } from './gates.ts';
import { type Services, type Start, deadlineOf } from './services.ts';

/** The first wait of a job is spread over so long, each later one over twice as long as the one before. */
const FIRST_SPREAD_MS = 500;
/** A lane without patience must not turn into a busy loop when nothing but waiting is left. */
const SHORTEST_CAP_MS = 1_000;
/** A wait that leaves a job less than this is in vain. */
export const ROOM_FOR_A_CALL_MS = 100;

/**
 * Whether a lane would rather wait so long for a model than have another one asked. That is all that `max_wait` decides:
 * when nothing else is left, a job waits however long it takes.
 */
export function isWithinPatience(start: Start, leastMs: number, { config }: Services): boolean {
  return leastMs <= (config.lanes[start.job.lane]?.max_wait ?? 0);
}

/**
 * How long to put off a job that cannot go on for `leastMs`, in milliseconds; undefined when its time is over first.
 *
 * - A wait is no failure and is not counted: waiting ends with the job's deadline, and for a job without one when it is
 *   as old as `results.keep`.
 * - Jobs that began to wait together do not come back together: each wait is spread at random over twice as long as the
 *   job's wait before. So many jobs settle at the pace at which a provider answers, not at that at which it refuses.
 * - Both parts, what is known and the spread, are cut at the lane's `max_wait` (or `longestMs`): the world may have
 *   changed by then, and looking again costs no call.
 */
export function delayFor(
  start: Start,
  leastMs: number,
  services: Services,
  longestMs = Number.POSITIVE_INFINITY,
): number | undefined {
  const { config, random } = services;
  const { job, deferrals } = start;
  const leftMs = timeLeftMs(start, services);
  if (leastMs + ROOM_FOR_A_CALL_MS > leftMs) return undefined;
  const capMs = Math.min(longestMs, Math.max(SHORTEST_CAP_MS, config.lanes[job.lane]?.max_wait ?? 0));
  const spreadMs = Math.min(capMs, FIRST_SPREAD_MS * 2 ** deferrals);
  const delayMs = Math.min(leastMs, capMs) + random() * spreadMs;
  // The spread leaves half of the time that is left for the call itself.
  return Math.max(1, Math.ceil(Math.min(delayMs, (leastMs + leftMs) / 2)));
}

/** A job without a deadline waits until it is as old as results get. */
export function timeLeftMs({ job }: Start, { config, now }: Pick<Services, 'config' | 'now'>): number {
  return (job.deadline_ms === undefined ? job.enqueued_at + config.results.keep : deadlineOf(job)) - now();
}

/** The longest that a job is put off for its turn. The world may have changed by then. */
const LONGEST_TURN_MS = 600_000;

/**
 * How long to put off a job that a closed gate has given a turn; undefined when the job's time is over first. Where the
 * gate has its callers stand in line (`rate`, `concurrency`), the turn is the job's own; else all come back when it
 * opens, and are spread.
 */
export function turnFor(start: Start, { reason, delayMs }: ClosedGate, services: Services): number | undefined {
  if (reason !== 'rate' && reason !== 'concurrency') return delayFor(start, delayMs, services);
  return delayMs + ROOM_FOR_A_CALL_MS > timeLeftMs(start, services) ? undefined : Math.min(delayMs, LONGEST_TURN_MS);
}

/** Whether it is worth waiting for a provider that has been failing since `sinceMs`. */
export function isOutageBearable(start: Start, sinceMs: number, { config, now }: Services): boolean {
  return now() - sinceMs <= (config.lanes[start.job.lane]?.max_outage ?? 0);
}
