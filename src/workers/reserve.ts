import { type BudgetClaim, budgetsFor } from '../domain/budget.ts';
import type { AttemptSummary } from '../domain/result.ts';
import { type Candidate, decisionOf } from '../router/index.ts';
import type { Admission, Denial } from '../store/ledger.ts';
import { cacheKeyOf, isCacheable } from './cache-key.ts';
import { type Choice, chooseModel } from './choice.ts';
import { isOnlyHeld } from './denial.ts';
import { type ClosedGate, claimOf, errorOfGate } from './gates.ts';
import { type Attempt, endingOfSilence, summaryOf, usageRecordOf } from './records.ts';
import { attemptIdOf, type Services, type Start, timeLimitOf } from './services.ts';
import { checksOf } from './validate.ts';
import { isWithinPatience, turnFor } from './waiting.ts';
import { waitForLimit } from './waiting-for-limits.ts';

type Reservation<Kind extends Admission = Exclude<Admission, { kind: 'gated' }>> = {
  kind: 'reserved';
  attempt: Attempt;
  cacheKey: string | undefined;
  admission: Kind;
};

type Chosen = Extract<Choice, { kind: 'chosen' }>;

/** How often a start looks for a cheaper model when a budget has too little left for the one that was chosen. */
const CHEAPER_CHOICES = 3;
/** What a worker may need besides the call and two lifes of its lock before it says what came of it. */
const EXPIRY_MARGIN_MS = 5_000;

/**
 * Chooses a model and asks the ledger for leave to call it. Where a budget is too far spent for that model, one that fits
 * in what is left is chosen instead, or one that draws from another purse. Where one of its gates is closed, the job
 * stands in line, if its lane would wait so long; else the next model is asked for.
 */
export async function reserve(
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
): Promise<Reservation | Exclude<Choice, { kind: 'chosen' }>> {
  const gated = new Map<string, ClosedGate & { boundNanos: number }>();
  const excluded = new Set<string>();
  let affordableNanos = Number.POSITIVE_INFINITY;
  let denied: Reservation<Denial> | undefined;
  for (let left = CHEAPER_CHOICES; ;) {
    const choice = chooseModel(start, trail, services, { affordableNanos, gated, excluded });
    // A model that the budget has room for is worth the wait for its gates.
    if (choice.kind === 'wait') return choice;
    if (choice.kind === 'none') return denied ?? choice;
    const attempt = toAttempt(start, choice, services);
    const { alias } = attempt.candidate.model;
    // From now on, or others that choose in the same moment would all choose the same.
    services.calls.begin(start, alias);
    const checks = checksOf(start, services.config);
    const isCached = isCacheable(start.job, services.config);
    const cacheKey = isCached ? cacheKeyOf(start.job, choice.candidate, checks) : undefined;
    const admission = await admit(attempt, cacheKey, choice.route.chain.length > 1, services);
    if (admission.kind === 'gated') {
      if (admission.reason === 'caller') return waitForLimit(start, admission, services);
      const turn = standInLine(attempt, admission, services);
      if (turn) return turn;
      gated.set(alias, { ...admission, boundNanos: attempt.candidate.boundNanos });
      continue;
    }
    const reservation = { kind: 'reserved' as const, attempt, cacheKey };
    if (admission.kind !== 'denied' || isOnlyHeld(admission, attempt)) return { ...reservation, admission };
    denied = kinder(denied, { ...reservation, admission });
    if (isOfModels(admission.budget, services)) {
      for (const each of spentFor(admission, choice, start, services)) excluded.add(each);
    } else {
      if (left === 0) return denied;
      affordableNanos = Math.min(affordableNanos, admission.limitNanos - admission.spentNanos);
      left -= 1;
    }
    for (const [each, { boundNanos }] of gated) {
      if (boundNanos > affordableNanos || excluded.has(each)) gated.delete(each);
    }
  }
}

/** Whether another model could draw from another purse. */
function isOfModels({ name }: BudgetClaim, { config }: Services): boolean {
  const budget = Object.hasOwn(config.budgets, name) ? config.budgets[name] : undefined;
  if (budget === undefined) return false;
  const { model, provider, per } = budget;
  return model !== undefined || provider !== undefined || per === 'model' || per === 'provider';
}

/** The models that draw from the same purse and that too little is left for, the chosen one among them; by alias. */
function spentFor(
  { budget, limitNanos, spentNanos }: Denial,
  { candidate, route }: Chosen,
  { job, jobId }: Start,
  { config }: Services,
): string[] {
  const isSpent = ({ model, boundNanos }: Candidate): boolean =>
    boundNanos > limitNanos - spentNanos &&
    budgetsFor({ job, jobId, model }, config.budgets).some(({ purse }) => purse === budget.purse);
  const others = [...route.chain, ...route.alsoEligible].filter(isSpent);
  return [candidate, ...others].map(({ model }) => model.alias);
}

/** Of two refusals the one that leaves the job more: the sooner reset, then the wait for somebody, then the end. */
function kinder(earlier: Reservation<Denial> | undefined, later: Reservation<Denial>): Reservation<Denial> {
  return earlier && waitOf(earlier.admission) < waitOf(later.admission) ? earlier : later;
}

function waitOf({ budget, resetMs }: Denial): number {
  const waits = { park: resetMs ?? Number.MAX_SAFE_INTEGER - 1, pause: Number.MAX_SAFE_INTEGER, reject: Infinity };
  return waits[budget.onExhausted];
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

function toAttempt(start: Start, choice: Chosen, services: Services): Attempt {
  const { route, question, knowledge } = choice;
  const isKept = services.config.routing.decisions === 'all';
  return {
    start,
    candidate: choice.candidate,
    key: services.providers.get(choice.candidate.model.provider).keys[0]?.name ?? '',
    inputTokens: question.inputTokens,
    // A model that was chosen although it is slower must have the time that it takes.
    maxLatencyMs: (route.relaxed === undefined ? question.maxLatencyMs : undefined) ?? Number.POSITIVE_INFINITY,
    variant: route.variant,
    startedAt: services.now(),
    ...(isKept && { decision: decisionOf(route, question, knowledge) }),
  };
}

async function admit(
  attempt: Attempt,
  cacheKey: string | undefined,
  hasAlternative: boolean,
  services: Services,
): Promise<Admission> {
  const { start, candidate, startedAt } = attempt;
  const { job, jobId } = start;
  const silence = endingOfSilence(attempt);
  const admission = await services.ledger.admit({
    jobId,
    attemptId: attemptIdOf(start),
    holdNanos: candidate.boundNanos,
    budgets: budgetsFor({ job, jobId, model: candidate.model }, services.config.budgets),
    expiresInMs: expiresInMs(attempt, services),
    gates: claimOf(attempt, hasAlternative, services),
    ...(job.batch ? { batchId: job.batch.id } : {}),
    ...(cacheKey === undefined ? {} : { cacheKey }),
    writeOff: { record: usageRecordOf(attempt, silence, startedAt), summary: summaryOf(attempt, silence) },
  });
  if (admission.kind === 'admitted' || admission.kind === 'denied') {
    for (const alert of admission.alerts ?? []) services.notify(alert);
  }
  return admission;
}

/** When nobody can be working on the attempt any more: its call is over, and whoever made it has lost the job. */
function expiresInMs(attempt: Attempt, { config }: Services): number {
  const ownLimitMs = config.providers[attempt.candidate.model.provider]?.timeout ?? 0;
  const callMs = Math.max(0, Math.min(timeLimitOf(attempt), ownLimitMs));
  return callMs + 2 * config.workers.lock + EXPIRY_MARGIN_MS;
}
