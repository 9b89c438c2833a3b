import { DISPOSITIONS, type ErrorCode, GatewayError, PASSING_FAILURES } from '../domain/errors.ts';
import type { AttemptSummary } from '../domain/result.ts';
import { type Candidate, type Route, type RouteQuestion, whyEmpty } from '../router/index.ts';
import type { Services, Start } from './services.ts';
import { delayFor, isWithinPatience } from './waiting.ts';

export type Choice =
  | { kind: 'chosen'; candidate: Candidate; route: Route; question: RouteQuestion; isRepeat: boolean }
  /** Every model that is left is throttled: it is worth waiting. */
  | { kind: 'wait'; error: GatewayError; delayMs: number }
  | { kind: 'none'; error: GatewayError };

/** Attempts that say nothing against asking the same model again: it was throttled, or we were interrupted. */
const NOT_TRIED: ReadonlySet<ErrorCode> = new Set(['PROVIDER_RATE_LIMITED', 'INTERRUPTED']);

/**
 * The model for the next attempt, decided from what is known now. In this order: a model that this job has not tried;
 * one that is throttled, if the lane would wait so long for it; one that failed in a way that may have passed; one that
 * is throttled, for however long. When all that is left has a key that is no good, the job ends with that reason.
 * `affordableNanos` is what the call may cost at the most, besides the limits of the job itself.
 */
export function chooseModel(
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
  affordableNanos = Number.POSITIVE_INFINITY,
): Choice {
  const failed = failuresIn(trail);
  const askFor = (tried: readonly AttemptSummary[]): Asked => ask(start, tried, failed, affordableNanos, services);
  const first = askFor(failed);
  if (first.route.chain[0]) return { kind: 'chosen', candidate: first.route.chain[0], ...first, isRepeat: false };
  const { throttledMs, refused } = benchedIn(first.route, services);
  const wait = throttledMs === undefined ? undefined : waitForThrottled(start, throttledMs, services);
  if (wait?.kind === 'wait' && isWithinPatience(start, throttledMs ?? 0, services)) return wait;
  const permanent = failed.filter(({ error_code }) => error_code !== undefined && !PASSING_FAILURES.has(error_code));
  if (permanent.length < failed.length) {
    const again = askFor(permanent);
    if (again.route.chain[0]) return { kind: 'chosen', candidate: again.route.chain[0], ...again, isRepeat: true };
  }
  if (wait) return wait;
  if (refused) return { kind: 'none', error: refused };
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

type Asked = { route: Route; question: RouteQuestion };

function ask(
  start: Start,
  tried: readonly AttemptSummary[],
  failed: readonly AttemptSummary[],
  affordableNanos: number,
  services: Services,
): Asked {
  const { router, now, random } = services;
  const badKeys = failed.filter((a) => a.error_code === 'PROVIDER_AUTH' || a.error_code === 'PROVIDER_QUOTA');
  const tooSmall = failed.flatMap((attempt) => {
    const model = attempt.error_code === 'CONTEXT_TOO_LONG' ? router.catalog.byAlias.get(attempt.model) : undefined;
    return model ? [model.contextTokens] : [];
  });
  const asked = router.question(start.job, {
    jobId: start.jobId,
    tried: tried.map((attempt) => attempt.model),
    avoidProviders: badKeys.map((attempt) => attempt.provider),
    ...(tooSmall.length === 0 ? {} : { minContextTokens: Math.max(...tooSmall) }),
  });
  const maxCostNanos = Math.min(affordableNanos, asked.maxCostNanos ?? Number.POSITIVE_INFINITY);
  const question = maxCostNanos === Number.POSITIVE_INFINITY ? asked : { ...asked, maxCostNanos };
  return { question, route: router.route(question, { now: now(), random, ...services.observations() }) };
}

/** What is benched of the models that could serve the job: how long the first of the throttled is, and a key that is no good. */
function benchedIn(route: Route, services: Services): { throttledMs?: number; refused?: GatewayError } {
  const { benchedFor } = services.observations();
  const benched = route.dropped.filter((drop) => drop.reason === 'benched');
  const codeOf = ({ alias }: { alias: string }): ErrorCode => benchedFor.get(alias) ?? 'PROVIDER_RATE_LIMITED';
  const refused = benched.find((drop) => DISPOSITIONS[codeOf(drop)] === 'other-provider');
  const times = benched.flatMap((drop) =>
    DISPOSITIONS[codeOf(drop)] === 'other-provider' ? [] : [Number(drop.actual) - services.now()],
  );
  const provider = refused && services.router.catalog.byAlias.get(refused.alias)?.provider;
  return {
    ...(times.length === 0 ? {} : { throttledMs: Math.max(1, Math.min(...times)) }),
    ...(refused && { refused: keyIsNoGood(codeOf(refused), provider ?? '-') }),
  };
}

function keyIsNoGood(code: ErrorCode, provider: string): GatewayError {
  const reason = code === 'PROVIDER_QUOTA' ? 'its credit or spend limit is used up' : 'check its api_key';
  return new GatewayError(code, `provider "${provider}" refused an earlier call, and no other is left: ${reason}`);
}

function waitForThrottled(start: Start, leastMs: number, services: Services): Choice {
  const delayMs = delayFor(start, leastMs, services);
  if (delayMs !== undefined) {
    const error = new GatewayError('PROVIDER_RATE_LIMITED', 'every model that is left is rate-limited');
    return { kind: 'wait', error, delayMs };
  }
  const message = "every model that is left is rate-limited for longer than the job's time allows";
  return { kind: 'none', error: new GatewayError('PROVIDER_RATE_LIMITED', message) };
}
