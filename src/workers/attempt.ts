import { type ErrorDetails, GatewayError, toGatewayError } from '../domain/errors.ts';
import { requestOf } from '../domain/job.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Answer } from '../providers/index.ts';
import type { AttemptSummary } from '../domain/result.ts';
import { estimateTokens } from '../router/index.ts';
import type { JobHistory } from '../store/ledger.ts';
import { errorOfAbort, isLost } from './abort-reasons.ts';
import type { Lease } from './lease.ts';
import { complete, completeFromCache, fail, jobOf, outcomeOf, refuse } from './conclude.ts';
import { answerDenial, waitForAnswer, waitForResume } from './denial.ts';
import type { Attempt } from './records.ts';
import { type Relay, relayOf } from './relay.ts';
import { reserve } from './reserve.ts';
import { type Services, type Start, attemptIdOf, deadlineExceeded, deadlineOf, timeLimitOf } from './services.ts';

/** What a start of a job is held by: once it is not, no call may go out for it. */
export type Hold = Pick<Lease, 'signal' | 'isHeld'>;

const FIRST_START: JobHistory = { trail: [] };

/**
 * The main path: choose the model, reserve what the call may cost (or find the answer in the cache), call, settle.
 * Each start of a job runs it once and makes at most one call. It returns what should happen to the job and throws
 * only when the ledger cannot be reached.
 */
export async function runAttempt(start: Start, services: Services, lease: Hold): Promise<Outcome> {
  try {
    return await goThrough(start, services, lease);
  } finally {
    services.calls.end(start);
  }
}

async function goThrough(start: Start, services: Services, lease: Hold): Promise<Outcome> {
  const attemptId = attemptIdOf(start);
  const wasStarted = start.attemptsStarted > 1 || start.job.revision !== undefined;
  const history = wasStarted ? await services.ledger.history(start.jobId, attemptId) : FIRST_START;
  if (history.result) return outcomeOf(history.result);
  if (isBrokenOff(start, history.trail)) return refuse(brokenOff(), start, history.trail, services);
  if (services.now() >= deadlineOf(start.job)) return refuse(deadlineExceeded(start), start, history.trail, services);

  const reservation = await reserve(start, history.trail, services);
  if (reservation.kind === 'wait') return { kind: 'deferred', error: reservation.error, delayMs: reservation.delayMs };
  if (reservation.kind === 'none') return refuse(reservation.error, start, history.trail, services);

  const { attempt, cacheKey, admission } = reservation;
  switch (admission.kind) {
    case 'done':
      return outcomeOf(admission.result);
    case 'superseded':
      return { kind: 'deferred', error: notOurs(), delayMs: 0 };
    case 'cancelled':
      return refuse(new GatewayError('CANCELLED', 'the batch was cancelled'), start, history.trail, services);
    case 'paused':
      return waitForResume(attempt, services);
    case 'following':
      return waitForAnswer(attempt, services);
    case 'denied':
      return answerDenial(admission, attempt, history.trail, services);
    case 'cached':
      return completeFromCache(attempt, admission.completion, history.trail, services);
    case 'admitted':
      break;
  }

  const admitted = { ...attempt, key: admission.key };
  if (!lease.isHeld()) return giveBack(admitted, lease.signal, history.trail, services);
  if (!(await services.ledger.markSent(start.jobId, attemptId))) {
    return { kind: 'deferred', error: notOurs(), delayMs: 0 };
  }
  // What waited for Redis may have lost its job meanwhile. Nothing has gone out yet, whatever the mark says.
  if (!lease.isHeld()) return giveBack(admitted, lease.signal, history.trail, services);
  const relay = relayOf(admitted, services);
  const answer = await call(admitted, services, lease.signal, relay);
  const latencyMs = services.now() - attempt.startedAt;
  return answer instanceof GatewayError
    ? fail(admitted, answer, latencyMs, history.trail, services, {
        isRelayed: relay?.hasSent === true && !isLost(lease.signal),
      })
    : complete(admitted, answer, latencyMs, history.trail, cacheKey, services);
}

async function call(
  attempt: Attempt,
  services: Services,
  signal: AbortSignal,
  relay: Relay | undefined,
): Promise<Answer | GatewayError> {
  const { start, candidate } = attempt;
  try {
    return await services.providers
      .get(candidate.model.provider)
      .complete(candidate.model, requestOf(start.job, candidate.maxTokens), {
        timeoutMs: timeLimitOf(attempt),
        signal,
        attemptId: attemptIdOf(start),
        key: attempt.key,
        estimate: { inputTokens: attempt.inputTokens.expected, tokensOf },
        ...(relay && { onPiece: relay.onPiece }),
      });
  } catch (thrown) {
    // Our own hand on the call, not the provider's failure: what had come of an answer tells the bill, else nobody.
    if (signal.aborted) return errorOfAbort(signal, billOf(thrown));
    if (thrown instanceof GatewayError) return thrown;
    // A bug of ours, before the call or after it.
    const { code, message } = toGatewayError(thrown);
    return new GatewayError(code, message, { billUnknown: true }, { cause: thrown });
  }
}

function billOf(thrown: unknown): Pick<ErrorDetails, 'billed' | 'billUnknown'> {
  const { billed } = thrown instanceof GatewayError ? thrown.details : {};
  return billed === undefined ? { billUnknown: true } : { billed };
}

function tokensOf(text: string): number {
  return estimateTokens([{ role: 'assistant', content: text }]).expected;
}

/** The call was admitted and must not be made any more. */
async function giveBack(
  attempt: Attempt,
  signal: AbortSignal,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Outcome> {
  const { start } = attempt;
  const error = errorOfAbort(signal);
  await services.ledger.settle({ ...jobOf(start), unsent: attemptIdOf(start) });
  return error.disposition === 'reject'
    ? refuse(error, start, trail, services)
    : { kind: 'deferred', error, delayMs: 0 };
}

/**
 * Whether a worker died while it may have been passing the answer on. Somebody may have read a part of it, and has no use
 * for another one.
 */
function isBrokenOff({ job }: Start, trail: readonly AttemptSummary[]): boolean {
  const last = trail.at(-1);
  return job.reply?.pieces === true && last?.outcome === 'unconfirmed' && last.error_code === 'INTERRUPTED';
}

function brokenOff(): GatewayError {
  return new GatewayError('INTERRUPTED', 'its worker died, and a part of the answer may have been passed on');
}

function notOurs(): GatewayError {
  return new GatewayError('INTERRUPTED', 'another worker has taken the job over');
}
