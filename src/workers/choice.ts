import { type ErrorCode, GatewayError } from '../domain/errors.ts';
import type { AttemptSummary } from '../domain/result.ts';
import { type Candidate, type Route, type RouteQuestion, whyEmpty } from '../router/index.ts';
import { deadlineOf, type Services, type Start } from './services.ts';

export type Choice =
  | { kind: 'chosen'; candidate: Candidate; route: Route; question: RouteQuestion; isRepeat: boolean }
  /** Every model that is left is benched: it is worth waiting. */
  | { kind: 'wait'; error: GatewayError; delayMs: number }
  | { kind: 'none'; error: GatewayError };

/** Errors after which the same model may well answer, when there is no other. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'PROVIDER_OVERLOADED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_UNREACHABLE',
  'PROVIDER_BAD_RESPONSE',
]);

/** Attempts that say nothing against asking the same model again: it was throttled, or we were interrupted. */
const NOT_TRIED: ReadonlySet<ErrorCode> = new Set(['PROVIDER_RATE_LIMITED', 'INTERRUPTED']);

/**
 * The model for the next attempt, decided from what is known now: a model that this job has not tried, else, when all
 * are tried, one whose failure may have passed.
 */
export function chooseModel(start: Start, trail: readonly AttemptSummary[], services: Services): Choice {
  const failed = failuresIn(trail);
  const first = ask(start, failed, failed, services);
  if (first.route.chain[0]) return { kind: 'chosen', candidate: first.route.chain[0], ...first, isRepeat: false };
  const wait = waitForBenched(first.route, start, services);
  if (wait?.kind === 'wait') return wait;
  const permanent = failed.filter((attempt) => attempt.error_code !== undefined && !PASSING.has(attempt.error_code));
  if (permanent.length < failed.length) {
    const again = ask(start, permanent, failed, services);
    if (again.route.chain[0]) return { kind: 'chosen', candidate: again.route.chain[0], ...again, isRepeat: true };
  }
  if (wait) return wait;
  if (trail.length === 0) {
    return { kind: 'none', error: new GatewayError('NO_ELIGIBLE_MODEL', whyEmpty(first.route, first.question)) };
  }
  return { kind: 'none', error: chainExhausted(trail) };
}

/** The attempts that count against the job: those in which a model failed it. */
export function failuresIn(trail: readonly AttemptSummary[]): readonly AttemptSummary[] {
  return trail.filter((attempt) => attempt.error_code !== undefined && !NOT_TRIED.has(attempt.error_code));
}

/** Names every attempt with the reason why it failed. */
export function chainExhausted(trail: readonly AttemptSummary[]): GatewayError {
  const list = trail.map((attempt) => `${attempt.model} ${attempt.error_code ?? attempt.outcome}`).join(', ');
  return new GatewayError('CHAIN_EXHAUSTED', `every model was tried without an answer: ${list}`);
}

function ask(
  start: Start,
  tried: readonly AttemptSummary[],
  failed: readonly AttemptSummary[],
  services: Services,
): { route: Route; question: RouteQuestion } {
  const { router, now, random } = services;
  const badKeys = failed.filter((a) => a.error_code === 'PROVIDER_AUTH' || a.error_code === 'PROVIDER_QUOTA');
  const tooSmall = failed.flatMap((attempt) => {
    const model = attempt.error_code === 'CONTEXT_TOO_LONG' ? router.catalog.byAlias.get(attempt.model) : undefined;
    return model ? [model.contextTokens] : [];
  });
  const question = router.question(start.job, {
    jobId: start.jobId,
    tried: tried.map((attempt) => attempt.model),
    avoidProviders: badKeys.map((attempt) => attempt.provider),
    ...(tooSmall.length === 0 ? {} : { minContextTokens: Math.max(...tooSmall) }),
  });
  return { question, route: router.route(question, { now: now(), random, ...services.observations() }) };
}

function waitForBenched(route: Route, start: Start, services: Services): Choice | undefined {
  const times = route.dropped.flatMap((drop) => (drop.reason === 'benched' ? [Number(drop.actual)] : []));
  if (times.length === 0) return undefined;
  const delayMs = Math.max(1, Math.min(...times) - services.now());
  const error = new GatewayError('PROVIDER_RATE_LIMITED', 'every model that is left is rate-limited');
  return mayWait(start, delayMs, services) ? { kind: 'wait', error, delayMs } : { kind: 'none', error };
}

/** Whether the job can be put off for so long: its lane's patience, its deadline and a bound on the number of waits. */
export function mayWait(start: Start, delayMs: number, services: Services): boolean {
  const lane = services.config.lanes[start.job.lane];
  return (
    delayMs <= (lane?.max_wait ?? 0) &&
    services.now() + delayMs < deadlineOf(start.job) &&
    start.deferrals < services.config.workers.max_deferrals
  );
}
