import { GatewayError, PASSING_FAILURES } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import { type AttemptSummary, type Completion, type JobResult, failedResult } from '../domain/result.ts';
import type { AnswerCheck } from '../domain/validation.ts';
import type { Answer } from '../providers/index.ts';
import type { SettleRequest } from '../store/ledger.ts';
import { reportOfFailure, sumOf } from './gates.ts';
import {
  type Attempt,
  type Ending,
  asInvalid,
  completedResult,
  endingOfCompletion,
  endingOfFailure,
  summaryOf,
  usageRecordOf,
} from './records.ts';
import { endRelayed } from './relay.ts';
import { type Services, type Start, attemptIdOf, timeLimitOf } from './services.ts';
import { checksOf, failedCheck } from './validate.ts';
import { judge } from './verdict.ts';

type SettledCall = NonNullable<SettleRequest['call']>;

/** The ways in which a start of a job ends: each writes to the ledger what is to be written, and says what comes next. */

export async function complete(
  attempt: Attempt,
  answer: Answer,
  latencyMs: number,
  trail: readonly AttemptSummary[],
  cacheKey: string | undefined,
  services: Services,
): Promise<Outcome> {
  const { completion, limits, firstTokenMs } = answer;
  const now = services.now();
  const ending = endingOfCompletion(attempt, completion, latencyMs, firstTokenMs);
  const observed = { latencyMs: Math.round(latencyMs) };
  const gate = { verdict: 'answered' as const, tokens: sumOf(ending.usage), ...(limits && { limits }) };
  const store = cacheKey === undefined ? undefined : { cacheKey, ttlMs: services.config.cache.ttl };
  const check = failedCheck(completion, attempt.start.job, checksOf(attempt.start, services.config));
  if (check !== undefined) {
    // The model did its part: it answered, and is paid. Nobody else is told to wait for this answer.
    const told = { observed, gate, ...(store && { store }) };
    return settleFailure(attempt, invalidAnswer(attempt, check), asInvalid(ending), told, trail, services);
  }
  const result = completedResult(attempt, completion, ending, trail, now);
  const isClean =
    completion.finish_reason !== 'content_filter' && completion.finish_reason !== 'length' && !completion.refusal;
  const standing = await services.ledger.settle({
    ...jobOf(attempt.start),
    call: {
      attemptId: attemptIdOf(attempt.start),
      record: usageRecordOf(attempt, ending, now),
      summary: summaryOf(attempt, ending),
      isFallback: isFallback(attempt, trail),
      observed,
      gate,
      ...(store && { store: { ...store, ...(isClean && { completion }) } }),
    },
    result,
  });
  return outcomeOf(standing ?? result);
}

export async function completeFromCache(
  attempt: Attempt,
  completion: Completion,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Outcome> {
  const now = services.now();
  const { costNanos: savedNanos, usage } = endingOfCompletion(attempt, completion, 0);
  const { priceSource } = attempt.candidate.model;
  const ending = { outcome: 'cached', usage, costNanos: 0, savedNanos, priceSource, latencyMs: 0 } as const;
  const result = completedResult(attempt, completion, ending, trail, now);
  const standing = await services.ledger.settle({
    ...jobOf(attempt.start),
    cached: usageRecordOf(attempt, ending, now),
    result,
  });
  return outcomeOf(standing ?? result);
}

export async function fail(
  attempt: Attempt,
  error: GatewayError,
  latencyMs: number,
  earlier: readonly AttemptSummary[],
  services: Services,
  { isRelayed = false } = {},
): Promise<Outcome> {
  const isOwnHurry = error.code === 'PROVIDER_TIMEOUT' && isInAHurry(attempt, services);
  const told = {
    ...(PASSING_FAILURES.has(error.code) && !isOwnHurry ? { observed: { latencyMs: undefined } } : {}),
    gate: reportOfFailure(error, isOwnHurry),
    isRelayed,
  };
  return settleFailure(attempt, error, endingOfFailure(attempt, error, latencyMs), told, earlier, services);
}

async function settleFailure(
  attempt: Attempt,
  error: GatewayError,
  ending: Ending,
  { isRelayed = false, ...told }: Pick<SettledCall, 'observed' | 'gate' | 'store'> & { isRelayed?: boolean },
  earlier: readonly AttemptSummary[],
  services: Services,
): Promise<Outcome> {
  const { start } = attempt;
  const now = services.now();
  const trail = [...earlier, summaryOf(attempt, ending)];
  const verdict = judge(error, start, trail, services);
  const outcome = isRelayed ? endRelayed(verdict, error) : verdict;
  await services.ledger.settle({
    ...jobOf(start),
    call: {
      attemptId: attemptIdOf(start),
      record: usageRecordOf(attempt, ending, now),
      summary: summaryOf(attempt, ending),
      isFallback: isFallback(attempt, earlier),
      ...told,
    },
    ...(outcome.kind === 'rejected' ? { result: failedResult({ ...start, attempts: trail, now }, outcome.error) } : {}),
  });
  return outcome;
}

function invalidAnswer({ candidate }: Attempt, check: AnswerCheck): GatewayError {
  return new GatewayError('ANSWER_INVALID', `the answer of ${candidate.model.alias} failed the check "${check}"`, {
    check,
    provider: candidate.model.provider,
  });
}

/** A call that the job itself was in too much of a hurry for tells others nothing. */
function isInAHurry(attempt: Attempt, { config }: Services): boolean {
  const ownLimitMs = config.providers[attempt.candidate.model.provider]?.timeout ?? 0;
  return timeLimitOf(attempt) < ownLimitMs;
}

function isFallback(attempt: Attempt, earlier: readonly AttemptSummary[]): boolean {
  const last = earlier.at(-1);
  return last !== undefined && last.model !== attempt.candidate.model.alias;
}

/** A job that has ended stays as it ended, whoever runs it again. */
export function outcomeOf(result: JobResult): Outcome {
  if (result.status === 'completed') return { kind: 'completed', result };
  return { kind: 'rejected', error: new GatewayError(result.error.code, result.error.message) };
}

/** Ends a job that cannot be run: what is open of it is written off, and what has ended stays as it is. */
export async function giveUp(
  error: GatewayError,
  start: Start,
  services: Pick<Services, 'ledger' | 'now'>,
): Promise<Outcome> {
  const { result, trail } = await services.ledger.history(start.jobId, attemptIdOf(start));
  return result ? outcomeOf(result) : refuse(error, start, trail, services);
}

/** Ends the job without a call. */
export async function refuse(
  error: GatewayError,
  start: Start,
  trail: readonly AttemptSummary[],
  services: Pick<Services, 'ledger' | 'now'>,
): Promise<Outcome> {
  const result = failedResult({ ...start, attempts: trail, now: services.now() }, error);
  return outcomeOf((await services.ledger.settle({ ...jobOf(start), result })) ?? result);
}

/** What every settle of a job begins with. */
export function jobOf({
  jobId,
  job,
}: Pick<Start, 'jobId' | 'job'>): Pick<SettleRequest, 'jobId' | 'batchId' | 'reply'> {
  return { jobId, ...(job.batch && { batchId: job.batch.id }), ...(job.reply && { reply: job.reply }) };
}
