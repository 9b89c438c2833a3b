import { budgetsFor } from '../domain/budget.ts';
import type { AttemptSummary } from '../domain/result.ts';
import type { Admission } from '../store/ledger.ts';
import { cacheKeyOf, isCacheable } from './cache-key.ts';
import { type Choice, chooseModel } from './choice.ts';
import { isOnlyHeld } from './conclude.ts';
import { type ClosedGate, claimOf, errorOfGate } from './gates.ts';
import { type Attempt, endingOfSilence, summaryOf, usageRecordOf } from './records.ts';
import { attemptIdOf, type Services, type Start } from './services.ts';
import { isWithinPatience, turnFor } from './waiting.ts';

type Reservation = {
  kind: 'reserved';
  attempt: Attempt;
  cacheKey: string | undefined;
  admission: Exclude<Admission, { kind: 'gated' }>;
};

/** How often a start looks for a cheaper model when a budget has too little left for the one that was chosen. */
const CHEAPER_CHOICES = 3;

/**
 * Chooses a model and asks the ledger for leave to call it. Where a budget is too far spent for that model, one that fits
 * in what is left is chosen instead. Where one of its gates is closed, the job stands in line, if its lane would wait so
 * long; else the next model is asked for.
 */
export async function reserve(
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Reservation | Exclude<Choice, { kind: 'chosen' }>> {
  const gated = new Map<string, ClosedGate & { boundNanos: number }>();
  let affordableNanos = Number.POSITIVE_INFINITY;
  let denied: Reservation | undefined;
  for (let left = CHEAPER_CHOICES; ;) {
    const choice = chooseModel(start, trail, services, { affordableNanos, gated });
    // A model that the budget has room for is worth the wait for its gates.
    if (choice.kind === 'wait') return choice;
    if (choice.kind === 'none') return denied ?? choice;
    const attempt = toAttempt(start, choice, services);
    const cacheKey = isCacheable(start.job, services.config) ? cacheKeyOf(start.job, choice.candidate) : undefined;
    const hasAlternative = choice.route.chain.length > 1;
    const admission = await admit(attempt, cacheKey, hasAlternative, services);
    if (admission.kind === 'gated') {
      const turn = standInLine(attempt, admission, services);
      if (turn) return turn;
      gated.set(attempt.candidate.model.alias, { ...admission, boundNanos: attempt.candidate.boundNanos });
      continue;
    }
    const reservation: Reservation = { kind: 'reserved', attempt, cacheKey, admission };
    if (admission.kind !== 'denied' || isOnlyHeld(admission, attempt) || left === 0) return reservation;
    affordableNanos = Math.min(affordableNanos, admission.budget.limitNanos - admission.spentNanos);
    for (const [alias, { boundNanos }] of gated) if (boundNanos > affordableNanos) gated.delete(alias);
    denied = reservation;
    left -= 1;
  }
}

/** A limit that is used up for now is waited for; from what fails, other models are the better way. */
function standInLine(
  { start, candidate }: Attempt,
  { reason, delayMs }: ClosedGate,
  services: Services,
): Extract<Choice, { kind: 'wait' }> | undefined {
  if (reason === 'circuit' || reason === 'key' || !isWithinPatience(start, delayMs, services)) return undefined;
  const turnMs = turnFor(start, { reason, delayMs }, services);
  if (turnMs === undefined) return undefined;
  return { kind: 'wait', error: errorOfGate(reason, candidate.model.provider), delayMs: turnMs };
}

function toAttempt(start: Start, choice: Extract<Choice, { kind: 'chosen' }>, services: Services): Attempt {
  return {
    start,
    candidate: choice.candidate,
    key: services.providers.get(choice.candidate.model.provider).keys[0]?.name ?? '',
    inputTokens: choice.question.inputTokens,
    maxLatencyMs: choice.question.maxLatencyMs ?? Number.POSITIVE_INFINITY,
    variant: choice.route.variant,
    startedAt: services.now(),
  };
}

async function admit(
  attempt: Attempt,
  cacheKey: string | undefined,
  hasAlternative: boolean,
  services: Services,
): Promise<Admission> {
  const { start, candidate, startedAt } = attempt;
  const silence = endingOfSilence(attempt);
  return services.ledger.admit({
    jobId: start.jobId,
    attemptId: attemptIdOf(start),
    holdNanos: candidate.boundNanos,
    budgets: budgetsFor(start.job, services.config.budgets, startedAt),
    gates: claimOf(attempt, hasAlternative, services),
    ...(start.job.batch ? { batchId: start.job.batch.id } : {}),
    ...(cacheKey === undefined ? {} : { cacheKey }),
    writeOff: { record: usageRecordOf(attempt, silence, startedAt), summary: summaryOf(attempt, silence) },
  });
}
