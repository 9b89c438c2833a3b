import type { Decision } from '../domain/decision.ts';
import type { ErrorCode, GatewayError } from '../domain/errors.ts';
import { scoreAnswer } from '../domain/expectation.ts';
import { costOfUsage } from '../domain/price.ts';
import { type AttemptSummary, type CompletedResult, type Completion, resultBase } from '../domain/result.ts';
import type { TokenUsage, UsageOutcome, UsageRecord } from '../domain/usage.ts';
import { type Candidate, type Route, type RouteQuestion, estimateTokens } from '../router/index.ts';
import { type Start, attemptIdOf } from './services.ts';

/** An attempt under way: what every record about it begins with. */
export type Attempt = {
  start: Start;
  candidate: Candidate;
  /** Name of the provider's key: the one that the ledger chose, until then the first. */
  key: string;
  inputTokens: RouteQuestion['inputTokens'];
  /** The job's own limit, else its task's. */
  maxLatencyMs: number;
  variant: Route['variant'];
  startedAt: number;
  /** Why it is this candidate. */
  decision?: Decision;
};

export type Ending = {
  outcome: UsageOutcome;
  usage: TokenUsage;
  costNanos: number;
  priceSource: UsageRecord['price_source'];
  latencyMs: number;
  errorCode?: ErrorCode;
  status?: number;
  savedNanos?: number;
  firstTokenMs?: number;
};

const NO_TOKENS: TokenUsage = { input_tokens: 0, output_tokens: 0 };

/** How a call that answered ends: its tokens, and what it cost by the provider's word or by the model's price. */
export function endingOfCompletion(
  attempt: Attempt,
  completion: Completion,
  latencyMs: number,
  firstTokenMs?: number,
): Ending {
  const usage = completion.usage.estimated ? estimatedUsage(attempt, completion) : completion.usage;
  return {
    outcome: 'completed',
    usage,
    costNanos: completion.billed_nanos ?? priceOf(attempt, usage),
    priceSource: completion.billed_nanos === undefined ? attempt.candidate.model.priceSource : 'provider',
    latencyMs,
    ...(firstTokenMs === undefined ? {} : { firstTokenMs }),
  };
}

/** How one ends that answered, with an answer that failed its check: the price is the same. */
export function asInvalid(ending: Ending): Ending {
  return { ...ending, outcome: 'failed', errorCode: 'ANSWER_INVALID' };
}

/** How a call that failed ends: for nothing, at what the provider says, or, when nobody knows, at what was held for it. */
export function endingOfFailure(attempt: Attempt, error: GatewayError, latencyMs: number): Ending {
  const { billUnknown, billed, status } = error.details;
  const usage = billed?.usage ?? NO_TOKENS;
  const ending: Ending = {
    // What was only counted by us may have cost more.
    outcome: billUnknown || usage.estimated ? 'unconfirmed' : 'failed',
    usage: billUnknown ? heldTokens(attempt) : usage,
    costNanos: billUnknown ? attempt.candidate.boundNanos : (billed?.nanos ?? priceOf(attempt, usage)),
    priceSource: billUnknown || billed?.nanos === undefined ? attempt.candidate.model.priceSource : 'provider',
    latencyMs,
    errorCode: error.code,
  };
  return status === undefined ? ending : { ...ending, status };
}

/** What is written by others if this worker dies in the middle of the call. */
export function endingOfSilence(attempt: Attempt): Ending {
  return {
    outcome: 'unconfirmed',
    usage: heldTokens(attempt),
    costNanos: attempt.candidate.boundNanos,
    priceSource: attempt.candidate.model.priceSource,
    latencyMs: 0,
    errorCode: 'INTERRUPTED',
  };
}

/** What is unknown is undefined here and missing in the stream: JSON leaves it out. */
export function usageRecordOf(attempt: Attempt, ending: Ending, now: number): UsageRecord {
  const { start, candidate, variant, startedAt } = attempt;
  const { job } = start;
  return {
    v: 1,
    attempt_id: attemptIdOf(start),
    job_id: start.jobId,
    batch_id: job.batch?.id,
    row_id: job.id,
    outcome: ending.outcome,
    error_code: ending.errorCode,
    status: ending.status,
    task: job.task,
    lane: job.lane,
    account: job.account,
    user: job.user,
    api_key: job.api_key?.id,
    model: candidate.model.alias,
    provider: candidate.model.provider,
    key: attempt.key,
    model_id: candidate.model.id,
    variant,
    ...ending.usage,
    estimated_input_tokens: isCounted(ending) ? attempt.inputTokens.expected : undefined,
    cost_nanos: ending.costNanos,
    price_source: ending.priceSource,
    saved_nanos: ending.savedNanos,
    latency_ms: Math.round(ending.latencyMs),
    first_token_ms: ending.firstTokenMs === undefined ? undefined : Math.round(ending.firstTokenMs),
    queue_ms: Math.max(0, startedAt - job.enqueued_at),
    at: now,
    // Nobody was asked for an answer from the cache.
    decision: ending.outcome === 'cached' ? undefined : attempt.decision,
  };
}

export function summaryOf(attempt: Attempt, ending: Ending): AttemptSummary {
  return {
    model: attempt.candidate.model.alias,
    provider: attempt.candidate.model.provider,
    outcome: ending.outcome,
    ...(ending.errorCode === undefined ? {} : { error_code: ending.errorCode }),
    ...(ending.status === undefined ? {} : { status: ending.status }),
    cost_nanos: ending.costNanos,
    latency_ms: Math.round(ending.latencyMs),
  };
}

export function completedResult(
  attempt: Attempt,
  completion: Completion,
  ending: Ending,
  trail: readonly AttemptSummary[],
  now: number,
): CompletedResult {
  const { start, candidate, variant } = attempt;
  const attempts = [...trail, summaryOf(attempt, ending)];
  const { expect } = start.job;
  return {
    ...resultBase({ ...start, attempts, now }),
    status: 'completed',
    ...(variant === undefined ? {} : { variant }),
    model: candidate.model.alias,
    provider: candidate.model.provider,
    model_id: candidate.model.id,
    completion: { ...completion, usage: ending.usage },
    latency_ms: Math.round(ending.latencyMs),
    cached: ending.outcome === 'cached',
    ...(expect === undefined ? {} : { score: scoreAnswer(expect, completion.content ?? '') }),
  };
}

/** By the provider, so that what we expected can be held against it. */
function isCounted({ outcome, usage }: Ending): boolean {
  return outcome === 'completed' && usage.estimated !== true;
}

/** For a provider that does not count: our own estimate of both sides. */
function estimatedUsage(attempt: Attempt, completion: Completion): TokenUsage {
  const input = { input_tokens: attempt.inputTokens.expected, estimated: true };
  if (completion.embeddings !== undefined) return { ...input, output_tokens: 0 };
  const answer = [
    { role: 'assistant' as const, content: completion.content ?? JSON.stringify(completion.tool_calls ?? '') },
  ];
  return { ...input, output_tokens: estimateTokens(answer).expected };
}

function priceOf({ candidate }: Attempt, usage: TokenUsage): number {
  return costOfUsage(candidate.model.price, usage);
}

function heldTokens({ candidate, inputTokens }: Attempt): TokenUsage {
  return { input_tokens: inputTokens.bound, output_tokens: candidate.maxTokens, estimated: true };
}
