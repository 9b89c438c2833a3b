import { batchBudget } from '../domain/budget.ts';
import { GatewayError } from '../domain/errors.ts';
import { formatUsd } from '../domain/money.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { AttemptSummary } from '../domain/result.ts';
import type { Denial } from '../store/ledger.ts';
import { refuse } from './conclude.ts';
import type { Attempt } from './records.ts';
import { type Services, deadlineOf } from './services.ts';
import { delayFor } from './waiting.ts';

/** What becomes of a job whose call may not be made now: it waits, spending no attempt and occupying no worker, or ends. */

const HELD_RETRY_MS = 250;
/** Calls under way end within seconds, and what they held is free again at once. */
const LONGEST_HELD_RETRY_MS = 2_500;

/** Whoever waits for a budget looks again after so long, whatever is said of it: nothing that was missed is missed for ever. */
const LONGEST_LOOK_MS = 3_600_000;
/** Those who wait for the same reset do not come back in the same second. */
const RESET_SPREAD_MS = 5_000;
/** For a job whose batch went on just when it was about to be paused. */
const RESUMED_RETRY_MS = 1_000;

const FIRST_ANSWER_LOOK_MS = 100;
const LONGEST_ANSWER_LOOK_MS = 2_000;

/** Whether the call would fit if nothing were held: what is spent does not come back, what is held may. */
export function isOnlyHeld({ limitNanos, spentNanos }: Denial, { candidate }: Attempt): boolean {
  return spentNanos + candidate.boundNanos <= limitNanos;
}

/** Waits for what is held. Where money is spent, it does what the budget says: end the job, park it, pause its batch. */
export async function answerDenial(
  denial: Denial,
  attempt: Attempt,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Outcome> {
  if (isOnlyHeld(denial, attempt)) return waitForCalls(denial, attempt, trail, services);
  const { start } = attempt;
  const reason = describe(denial, attempt, services);
  const end = (why = ''): Promise<Outcome> => refuse(exceeded(`${reason}${why}`), start, trail, services);
  switch (denial.budget.onExhausted) {
    case 'reject':
      return end();
    case 'park':
      if ((denial.resetMs ?? 0) > timeLeftMs(attempt, services)) return end(", after the job's deadline");
      return waitForRelease(denial.budget.purse, denial.resetMs, exceeded(reason), attempt, services);
    case 'pause':
      return (await pauseBatch(denial, reason, attempt, services)) ?? end();
  }
}

/** The job's batch is paused. */
export async function waitForResume(attempt: Attempt, services: Services): Promise<Outcome> {
  const { job } = attempt.start;
  const id = job.batch?.id ?? '';
  const error = exceeded(`batch "${id}" is paused; sluice batch resume ${id} goes on with it`);
  return waitForRelease(batchBudget(id), undefined, error, attempt, services);
}

/** Another job asks for the very same: its answer will be in the cache. */
export async function waitForAnswer(attempt: Attempt, services: Services): Promise<Outcome> {
  const stepMs = Math.min(LONGEST_ANSWER_LOOK_MS, FIRST_ANSWER_LOOK_MS * 2 ** attempt.start.deferrals);
  const delayMs = withinTime(stepMs * (0.5 + services.random() / 2), attempt, services);
  return { kind: 'deferred', error: new GatewayError('ANSWER_PENDING', 'another job asks for the same'), delayMs };
}

async function waitForCalls(
  denial: Denial,
  attempt: Attempt,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Outcome> {
  const { start } = attempt;
  const message = `budget "${denial.budget.purse}" is held by calls under way: ${figuresOf(denial, attempt)}`;
  const error = new GatewayError('BUDGET_HELD', message);
  const delayMs = delayFor(start, HELD_RETRY_MS, services, LONGEST_HELD_RETRY_MS);
  return delayMs === undefined ? refuse(error, start, trail, services) : { kind: 'deferred', error, delayMs };
}

/** Undefined when there is no batch that could be paused. */
async function pauseBatch(
  denial: Denial,
  reason: string,
  attempt: Attempt,
  services: Services,
): Promise<Outcome | undefined> {
  const { batch } = attempt.start.job;
  if (!batch) return undefined;
  const { budget, spentNanos, limitNanos } = denial;
  const pause = { purse: budget.purse, spentNanos, limitNanos, boundNanos: attempt.candidate.boundNanos };
  const found = await services.batches.pause(batch.id, { ...pause, at: services.now() }, attempt.startedAt);
  if (found === 'unknown') return undefined;
  if (found === 'paused') return waitForRelease(batchBudget(batch.id), undefined, exceeded(reason), attempt, services);
  const delayMs = withinTime(RESUMED_RETRY_MS * (0.5 + services.random()), attempt, services);
  return { kind: 'deferred', error: exceeded(reason), delayMs };
}

/**
 * Puts the job off until somebody releases those who wait for the purse, or its window resets. The job is noted first and
 * then looks once more: a release between the ledger's answer and the note had nobody to wake. One that comes later
 * finds the note, and waits for the job to be delayed before it wakes it.
 */
async function waitForRelease(
  purse: string,
  resetMs: number | undefined,
  error: GatewayError,
  attempt: Attempt,
  services: Services,
): Promise<Outcome> {
  const { jobId, job } = attempt.start;
  // Each look gives what is known of the job another life.
  const longestMs = Math.min(LONGEST_LOOK_MS, services.config.results.keep / 2);
  const lookMs = Math.min(resetMs ?? longestMs, longestMs) + services.random() * RESET_SPREAD_MS;
  const delayMs = withinTime(lookMs, attempt, services);
  const isNew = await services.parking.note({
    purse,
    lane: job.lane,
    jobId,
    untilMs: services.now() + delayMs,
    ...(job.batch ? { batchId: job.batch.id } : {}),
  });
  return { kind: 'deferred', error, delayMs: isNew ? 0 : delayMs };
}

function describe(denial: Denial, attempt: Attempt, { now }: Services): string {
  const { budget, resetMs } = denial;
  const resets = resetMs === undefined ? '' : `, resets ${minuteOf(now() + resetMs)}`;
  return `budget "${budget.purse}" exhausted: ${figuresOf(denial, attempt)}${resets}`;
}

function figuresOf({ spentNanos, heldNanos, limitNanos }: Denial, { candidate }: Attempt): string {
  return (
    `${formatUsd(spentNanos)} of ${formatUsd(limitNanos)} spent, ` +
    `${formatUsd(heldNanos)} held, this call may cost up to ${formatUsd(candidate.boundNanos)}`
  );
}

/** `2026-12-01T00:00Z`. Our clock and that of Redis are not the same to the second, and windows end with a minute. */
function minuteOf(time: number): string {
  return `${new Date(Math.round(time / 60_000) * 60_000).toISOString().slice(0, 16)}Z`;
}

function exceeded(message: string): GatewayError {
  return new GatewayError('BUDGET_EXCEEDED', message);
}

function timeLeftMs({ start }: Attempt, { now }: Services): number {
  return deadlineOf(start.job) - now();
}

/** At its deadline the job is started and ends with that. */
function withinTime(delayMs: number, attempt: Attempt, services: Services): number {
  return Math.max(1, Math.ceil(Math.min(delayMs, timeLeftMs(attempt, services))));
}
