import { budgetsFor } from '../domain/budget.ts';
import { GatewayError, toGatewayError } from '../domain/errors.ts';
import { chatRequestOf } from '../domain/job.ts';
import { formatUsd } from '../domain/money.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { AttemptSummary, Completion, JobResult } from '../domain/result.ts';
import type { Admission, JobHistory } from '../store/ledger.ts';
import { cacheKeyOf, isCacheable } from './cache-key.ts';
import { type Choice, chooseModel } from './choice.ts';
import {
  type Attempt,
  completedResult,
  endingOfCompletion,
  endingOfFailure,
  endingOfSilence,
  failedResult,
  summaryOf,
  usageRecordOf,
} from './records.ts';
import { type Services, type Start, attemptIdOf, deadlineOf } from './services.ts';
import { judge } from './verdict.ts';

const FIRST_START: JobHistory = { trail: [], benchedUntil: new Map() };
const HELD_RETRY_MS = 250;

/**
 * The main path: choose the model, reserve what the call may cost (or find the answer in the cache), call, settle.
 * Each start of a job runs it once and makes at most one call. It returns what should happen to the job and throws
 * only when the ledger cannot be reached.
 */
export async function runAttempt(start: Start, services: Services, signal: AbortSignal): Promise<Outcome> {
  const history = start.attemptsStarted > 1 ? await services.ledger.history(start.jobId) : FIRST_START;
  if (history.result) return outcomeOf(history.result);
  for (const [model, until] of history.benchedUntil) services.bench(model, until);
  if (services.now() >= deadlineOf(start.job)) return refuse(deadlineExceeded(start), start, history.trail, services);

  const choice = chooseModel(start, history.trail, services);
  if (choice.kind === 'wait') return { kind: 'deferred', error: choice.error, delayMs: choice.delayMs };
  if (choice.kind === 'none') return refuse(choice.error, start, history.trail, services);

  const attempt = toAttempt(start, choice, services);
  const cacheKey = isCacheable(start.job, services.config) ? cacheKeyOf(start.job, choice.candidate) : undefined;
  const admission = await admit(attempt, cacheKey, services);
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

function toAttempt(start: Start, choice: Extract<Choice, { kind: 'chosen' }>, services: Services): Attempt {
  return {
    start,
    candidate: choice.candidate,
    inputTokens: choice.question.inputTokens,
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
  const { start, candidate, startedAt } = attempt;
  const { job } = start;
  if (signal.aborted) return new GatewayError('INTERRUPTED', 'the worker gave the job back before the call');
  const timeoutMs = Math.min(job.max_latency_ms ?? Number.POSITIVE_INFINITY, deadlineOf(job) - startedAt);
  try {
    return await services.providers
      .get(candidate.model.provider)
      .complete(candidate.model, chatRequestOf(job, candidate.maxTokens), {
        timeoutMs,
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

async function complete(
  attempt: Attempt,
  completion: Completion,
  latencyMs: number,
  trail: readonly AttemptSummary[],
  cacheKey: string | undefined,
  services: Services,
): Promise<Outcome> {
  const now = services.now();
  const ending = endingOfCompletion(attempt, completion, latencyMs);
  const result = completedResult(attempt, completion, ending, trail, now);
  const isClean =
    completion.finish_reason !== 'content_filter' && completion.finish_reason !== 'length' && !completion.refusal;
  const standing = await services.ledger.settle({
    ...placeOf(attempt.start),
    call: {
      attemptId: attemptIdOf(attempt.start),
      record: usageRecordOf(attempt, ending, now),
      summary: summaryOf(attempt, ending),
      isFallback: isFallback(attempt, trail),
      observed: { latencyMs: Math.round(latencyMs) },
      ...(cacheKey !== undefined && isClean
        ? { store: { cacheKey, completion, ttlMs: services.config.cache.ttl } }
        : {}),
    },
    result,
  });
  return outcomeOf(standing ?? result);
}

async function completeFromCache(
  attempt: Attempt,
  completion: Completion,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Outcome> {
  const now = services.now();
  const { costNanos: savedNanos, usage } = endingOfCompletion(attempt, completion, 0);
  const ending = { outcome: 'cached', usage, costNanos: 0, savedNanos, priceSource: 'config', latencyMs: 0 } as const;
  const result = completedResult(attempt, completion, ending, trail, now);
  const standing = await services.ledger.settle({
    ...placeOf(attempt.start),
    cached: usageRecordOf(attempt, ending, now),
    result,
  });
  return outcomeOf(standing ?? result);
}

async function fail(
  attempt: Attempt,
  error: GatewayError,
  latencyMs: number,
  earlier: readonly AttemptSummary[],
  services: Services,
): Promise<Outcome> {
  const { start } = attempt;
  const now = services.now();
  const ending = endingOfFailure(attempt, error, latencyMs);
  const trail = [...earlier, summaryOf(attempt, ending)];
  const { outcome, benchUntil } = judge(error, start, trail, services);
  await services.ledger.settle({
    ...placeOf(start),
    call: {
      attemptId: attemptIdOf(start),
      record: usageRecordOf(attempt, ending, now),
      summary: summaryOf(attempt, ending),
      isFallback: isFallback(attempt, earlier),
      ...(SAYS_SOMETHING_OF_THE_MODEL.has(error.code) ? { observed: { latencyMs: undefined } } : {}),
      ...(benchUntil === undefined ? {} : { benchUntil }),
    },
    ...(outcome.kind === 'rejected' ? { result: failedResult(start, outcome.error, trail, now) } : {}),
  });
  return outcome;
}

const SAYS_SOMETHING_OF_THE_MODEL: ReadonlySet<string> = new Set([
  'PROVIDER_OVERLOADED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_UNREACHABLE',
  'PROVIDER_BAD_RESPONSE',
]);

function isFallback(attempt: Attempt, earlier: readonly AttemptSummary[]): boolean {
  const last = earlier.at(-1);
  return last !== undefined && last.model !== attempt.candidate.model.alias;
}

/** A job that has ended stays as it ended, whoever runs it again. */
function outcomeOf(result: JobResult): Outcome {
  if (result.status === 'completed') return { kind: 'completed', result };
  return { kind: 'rejected', error: new GatewayError(result.error.code, result.error.message) };
}

/** Ends a job that cannot be run: what is open of it is written off, and what has ended stays as it is. */
export async function giveUp(
  error: GatewayError,
  start: Start,
  services: Pick<Services, 'ledger' | 'now'>,
): Promise<Outcome> {
  const { result, trail } = await services.ledger.history(start.jobId);
  return result ? outcomeOf(result) : refuse(error, start, trail, services);
}

/** Ends the job without a call. */
async function refuse(
  error: GatewayError,
  start: Start,
  trail: readonly AttemptSummary[],
  services: Pick<Services, 'ledger' | 'now'>,
): Promise<Outcome> {
  const result = failedResult(start, error, trail, services.now());
  return outcomeOf((await services.ledger.settle({ ...placeOf(start), result })) ?? result);
}

/** What is spent does not come back; what is only held may, so that the job waits for it. */
async function answerDenial(
  denial: Extract<Admission, { kind: 'denied' }>,
  attempt: Attempt,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Outcome> {
  const { budget, spentNanos, heldNanos } = denial;
  const { start, candidate } = attempt;
  const fitsWithoutHeld = spentNanos + candidate.boundNanos <= budget.limitNanos;
  if (fitsWithoutHeld && start.deferrals < services.config.workers.max_deferrals) {
    const error = new GatewayError('BUDGET_HELD', `budget "${budget.name}" is held by calls under way`);
    const delayMs = Math.ceil(HELD_RETRY_MS * Math.min(8, 1 + start.deferrals) * (0.5 + services.random()));
    return { kind: 'deferred', error, delayMs };
  }
  const message =
    `budget "${budget.name}" exhausted: ${formatUsd(spentNanos)} of ${formatUsd(budget.limitNanos)} spent, ` +
    `${formatUsd(heldNanos)} held, this call may cost up to ${formatUsd(candidate.boundNanos)}`;
  return refuse(new GatewayError('BUDGET_EXCEEDED', message), start, trail, services);
}

function deadlineExceeded(start: Start): GatewayError {
  return new GatewayError('DEADLINE_EXCEEDED', `the job's deadline of ${start.job.deadline_ms} ms has passed`);
}

function placeOf(start: Start): { jobId: string; batchId?: string } {
  return { jobId: start.jobId, ...(start.job.batch ? { batchId: start.job.batch.id } : {}) };
}
