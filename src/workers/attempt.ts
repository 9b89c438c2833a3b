import { budgetsFor } from '../domain/budget.ts';
import { GatewayError, toGatewayError } from '../domain/errors.ts';
import { chatRequestOf } from '../domain/job.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { AttemptSummary, Completion } from '../domain/result.ts';
import type { Admission, JobHistory } from '../store/ledger.ts';
import { cacheKeyOf, isCacheable } from './cache-key.ts';
import { type Choice, chooseModel } from './choice.ts';
import { answerDenial, complete, completeFromCache, fail, isOnlyHeld, outcomeOf, refuse } from './conclude.ts';
import { type Attempt, endingOfSilence, summaryOf, usageRecordOf } from './records.ts';
import { type Services, type Start, attemptIdOf, deadlineOf, timeLimitOf } from './services.ts';

const FIRST_START: JobHistory = { trail: [], benches: new Map() };

/** How often a start looks for a cheaper model when a budget has too little left for the one that was chosen. */
const CHEAPER_CHOICES = 3;

/**
 * The main path: choose the model, reserve what the call may cost (or find the answer in the cache), call, settle.
 * Each start of a job runs it once and makes at most one call. It returns what should happen to the job and throws
 * only when the ledger cannot be reached.
 */
export async function runAttempt(start: Start, services: Services, signal: AbortSignal): Promise<Outcome> {
  const history = start.attemptsStarted > 1 ? await services.ledger.history(start.jobId) : FIRST_START;
  if (history.result) return outcomeOf(history.result);
  for (const [model, bench] of history.benches) services.bench(model, bench);
  if (services.now() >= deadlineOf(start.job)) return refuse(deadlineExceeded(start), start, history.trail, services);

  const choice = chooseModel(start, history.trail, services);
  if (choice.kind === 'wait') return { kind: 'deferred', error: choice.error, delayMs: choice.delayMs };
  if (choice.kind === 'none') return refuse(choice.error, start, history.trail, services);

  const { attempt, cacheKey, admission } = await reserve(start, choice, history.trail, services);
  switch (admission.kind) {
    case 'done':
      return outcomeOf(admission.result);
    case 'cancelled':
      return refuse(new GatewayError('CANCELLED', 'the batch was cancelled'), start, history.trail, services);
    case 'denied':
      return answerDenial(admission, attempt, history.trail, services);
    case 'cached':
      return completeFromCache(attempt, admission.completion, history.trail, services);
    case 'admitted':
      break;
  }

  const answer = await call(attempt, services, signal);
  const latencyMs = services.now() - attempt.startedAt;
  return answer instanceof GatewayError
    ? fail(attempt, answer, latencyMs, history.trail, services)
    : complete(attempt, answer, latencyMs, history.trail, cacheKey, services);
}

type Reservation = { attempt: Attempt; cacheKey: string | undefined; admission: Admission };

/** Asks the ledger. Where a budget is too far spent for the chosen model, one that fits in what is left is chosen instead. */
async function reserve(
  start: Start,
  first: Chosen,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Reservation> {
  let choice: Choice = first;
  let affordableNanos = Number.POSITIVE_INFINITY;
  for (let left = CHEAPER_CHOICES; ; left -= 1) {
    const attempt = toAttempt(start, choice, services);
    const cacheKey = isCacheable(start.job, services.config) ? cacheKeyOf(start.job, choice.candidate) : undefined;
    const admission = await admit(attempt, cacheKey, services);
    const reservation = { attempt, cacheKey, admission };
    if (left === 0 || admission.kind !== 'denied' || isOnlyHeld(admission, attempt)) return reservation;
    affordableNanos = Math.min(affordableNanos, admission.budget.limitNanos - admission.spentNanos);
    choice = chooseModel(start, trail, services, affordableNanos);
    if (choice.kind !== 'chosen') return reservation;
  }
}

type Chosen = Extract<Choice, { kind: 'chosen' }>;

function toAttempt(start: Start, choice: Chosen, services: Services): Attempt {
  return {
    start,
    candidate: choice.candidate,
    inputTokens: choice.question.inputTokens,
    maxLatencyMs: choice.question.maxLatencyMs ?? Number.POSITIVE_INFINITY,
    variant: choice.route.variant,
    startedAt: services.now(),
  };
}

async function admit(attempt: Attempt, cacheKey: string | undefined, services: Services): Promise<Admission> {
  const { start, candidate, startedAt } = attempt;
  const silence = endingOfSilence(attempt);
  return services.ledger.admit({
    jobId: start.jobId,
    attemptId: attemptIdOf(start),
    holdNanos: candidate.boundNanos,
    budgets: budgetsFor(start.job, services.config.budgets, startedAt),
    ...(start.job.batch ? { batchId: start.job.batch.id } : {}),
    ...(cacheKey === undefined ? {} : { cacheKey }),
    writeOff: { record: usageRecordOf(attempt, silence, startedAt), summary: summaryOf(attempt, silence) },
  });
}

async function call(attempt: Attempt, services: Services, signal: AbortSignal): Promise<Completion | GatewayError> {
  const { start, candidate } = attempt;
  const { job } = start;
  if (signal.aborted) return new GatewayError('INTERRUPTED', 'the worker gave the job back before the call');
  try {
    return await services.providers
      .get(candidate.model.provider)
      .complete(candidate.model, chatRequestOf(job, candidate.maxTokens), {
        timeoutMs: timeLimitOf(attempt),
        signal,
        attemptId: attemptIdOf(start),
      });
  } catch (thrown) {
    // Our own hand on the call, not the provider's failure: the job goes back, the bill is unknown.
    if (signal.aborted) return new GatewayError('INTERRUPTED', 'the worker gave the job back', { billUnknown: true });
    if (thrown instanceof GatewayError) return thrown;
    // A bug of ours, before the call or after it.
    const { code, message } = toGatewayError(thrown);
    return new GatewayError(code, message, { billUnknown: true }, { cause: thrown });
  }
}

function deadlineExceeded(start: Start): GatewayError {
  return new GatewayError('DEADLINE_EXCEEDED', `the job's deadline of ${start.job.deadline_ms} ms has passed`);
}
