import { DISPOSITIONS, GatewayError, PASSING_FAILURES } from '../domain/errors.ts';
import type { GateReason } from '../domain/gate.ts';
import type { AttemptSummary } from '../domain/result.ts';
import { type Candidate, type Knowledge, type Route, type RouteQuestion, whyEmpty } from '../router/index.ts';
import { type ClosedGate, errorOfGate } from './gates.ts';
import { knowledgeFor, mayExplore } from './knowledge.ts';
import type { Services, Start } from './services.ts';
import { isOutageBearable, isWithinPatience, turnFor } from './waiting.ts';

export type Choice =
  | ({ kind: 'chosen'; candidate: Candidate; isRepeat: boolean } & Asked)
  /** The gates of every model that is left are closed: it is worth waiting. */
  | { kind: 'wait'; error: GatewayError; delayMs: number }
  | { kind: 'none'; error: GatewayError };

export type ChoiceLimits = {
  /** What the call may cost at the most, besides the limits of the job itself. */
  affordableNanos?: number;
  /** By alias: models at whose gates this start has been turned away. */
  gated?: ReadonlyMap<string, ClosedGate>;
  /** By alias: models of whose own budgets too little is left. */
  excluded?: ReadonlySet<string>;
};

/** Those that come while a key is tried are told to look again within so long. */
const KEY_TRIAL_MS = 5_000;

const NONE_GATED: ReadonlyMap<string, ClosedGate> = new Map();
const NONE_EXCLUDED: ReadonlySet<string> = new Set();

/**
 * The model for the next attempt, decided from what is known now. In this order: a model that this job has not tried;
 * one whose gate is closed, if the lane would wait so long for it; one that failed in a way that may have passed; one
 * whose gate is closed, for however long. When all that is left has a key that is no good, or has been failing for too
 * long, the job ends with that reason.
 */
export function chooseModel(
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
  { affordableNanos = Number.POSITIVE_INFINITY, gated = NONE_GATED, excluded = NONE_EXCLUDED }: ChoiceLimits = {},
): Choice {
  const failed = failuresIn(trail, services);
  const limits = { affordableNanos, gated, excluded };
  const askFor = (tried: readonly AttemptSummary[]): Asked => ask(start, { trail, failed, tried }, limits, services);
  const first = askFor(failed);
  if (first.route.chain[0]) return { kind: 'chosen', candidate: first.route.chain[0], ...first, isRepeat: false };
  let closed = closedIn(first.route, gated, services);
  if (closed.soonest && isWithinPatience(start, closed.soonest.delayMs, services)) {
    return waitFor(start, closed.soonest, services);
  }
  const permanent = failed.filter(({ error_code }) => error_code !== undefined && !PASSING_FAILURES.has(error_code));
  if (permanent.length < failed.length) {
    const again = askFor(permanent);
    if (again.route.chain[0]) return { kind: 'chosen', candidate: again.route.chain[0], ...again, isRepeat: true };
    closed = closedIn(again.route, gated, services);
  }
  if (closed.soonest) return waitFor(start, closed.soonest, services);
  if (closed.refused) return { kind: 'none', error: closed.refused };
  if (trail.every(({ earlier }) => earlier)) {
    return { kind: 'none', error: new GatewayError('NO_ELIGIBLE_MODEL', whyEmpty(first.route, first.question)) };
  }
  return { kind: 'none', error: chainExhausted(trail) };
}

/**
 * The attempts that count against the job: those in which a model failed it. Not one that was throttled or interrupted,
 * and not one whose key was refused while the provider has others.
 */
export function failuresIn(
  trail: readonly AttemptSummary[],
  { providers }: Pick<Services, 'providers'>,
): AttemptSummary[] {
  const refusals = new Map<string, number>();
  return trail.filter(({ error_code: code, provider, earlier }) => {
    if (earlier || code === undefined || code === 'PROVIDER_RATE_LIMITED' || code === 'INTERRUPTED') return false;
    if (DISPOSITIONS[code] !== 'other-provider') return true;
    const refused = (refusals.get(provider) ?? 0) + 1;
    refusals.set(provider, refused);
    return refused >= providers.get(provider).keys.length;
  });
}

/** Names every attempt with the reason why it failed. */
export function chainExhausted(trail: readonly AttemptSummary[]): GatewayError {
  if (trail.every(({ error_code: code }) => code === 'ANSWER_INVALID')) {
    const models = trail.map(({ model }) => model).join(', ');
    return new GatewayError('ANSWER_INVALID', `no answer passed the job's checks; asked: ${models}`);
  }
  const list = trail.map((attempt) => `${attempt.model} ${attempt.error_code ?? attempt.outcome}`).join(', ');
  return new GatewayError('CHAIN_EXHAUSTED', `every model was tried without an answer: ${list}`);
}

type Asked = { route: Route; question: RouteQuestion; knowledge: Knowledge };

function ask(
  start: Start,
  { trail, failed, tried }: Record<'trail' | 'failed' | 'tried', readonly AttemptSummary[]>,
  { affordableNanos, gated, excluded }: Required<ChoiceLimits>,
  services: Services,
): Asked {
  const { router } = services;
  const badKeys = failed.filter(
    ({ error_code: code }) => code !== undefined && DISPOSITIONS[code] === 'other-provider',
  );
  const tooSmall = failed.flatMap((attempt) => {
    const model = attempt.error_code === 'CONTEXT_TOO_LONG' ? router.catalog.byAlias.get(attempt.model) : undefined;
    return model ? [model.contextTokens] : [];
  });
  const asked = router.question(start.job, {
    jobId: start.jobId,
    tried: [...tried.flatMap((attempt) => triedBy(attempt, services)), ...gated.keys(), ...excluded],
    avoidProviders: badKeys.map((attempt) => attempt.provider),
    ...(tooSmall.length === 0 ? {} : { minContextTokens: Math.max(...tooSmall) }),
    mayExplore: mayExplore(start, trail),
  });
  const maxCostNanos = Math.min(affordableNanos, asked.maxCostNanos ?? Number.POSITIVE_INFINITY);
  const question = maxCostNanos === Number.POSITIVE_INFINITY ? asked : { ...asked, maxCostNanos };
  const knowledge = knowledgeFor(start, services);
  return { question, knowledge, route: router.route(question, knowledge) };
}

/** A model whose answer was no good would give no better one in another place. */
function triedBy({ model, error_code: code }: AttemptSummary, { router: { catalog } }: Services): string[] {
  const family = code === 'ANSWER_INVALID' ? catalog.byAlias.get(model)?.family : undefined;
  if (family === undefined) return [model];
  return catalog.models.filter((each) => each.family === family).map(({ alias }) => alias);
}

type Closed = ClosedGate & { provider: string; sinceMs: number; error: GatewayError };

/** Of the models that could serve the job and whose gates are closed: the first to open, and one whose keys are no good. */
function closedIn(
  route: Route,
  gated: ReadonlyMap<string, ClosedGate>,
  services: Services,
): { soonest?: Closed; refused?: GatewayError } {
  const now = services.now();
  const benched = route.dropped.filter((drop) => drop.reason === 'benched');
  const all = [
    ...[...gated].map(([alias, gate]) => closedGate(alias, gate, services)),
    ...benched.map(({ alias, actual }) => {
      const reason: GateReason = services.observations().closedFor.get(alias)?.reason ?? 'throttled';
      return closedGate(alias, { reason, delayMs: Math.max(1, Number(actual) - now) }, services);
    }),
  ];
  const refused = all.find(({ reason }) => reason === 'key')?.error;
  const soonest = all.filter(isWorthWaitingFor).toSorted((a, b) => a.delayMs - b.delayMs)[0];
  return { ...(soonest && { soonest }), ...(refused && { refused }) };
}

/** A refused key stays so; but when it is about to be tried, or is being tried, one may as well see what comes of it. */
function isWorthWaitingFor({ reason, delayMs }: ClosedGate): boolean {
  return reason !== 'key' || delayMs <= KEY_TRIAL_MS;
}

function closedGate(alias: string, gate: ClosedGate, { router, observations, now }: Services): Closed {
  const seen = observations().closedFor.get(alias);
  const provider = router.catalog.byAlias.get(alias)?.provider ?? '-';
  return {
    ...gate,
    provider,
    sinceMs: seen?.sinceMs ?? now(),
    error: errorOfGate(gate.reason, provider, gate.code ?? seen?.code),
  };
}

function waitFor(start: Start, closed: Closed, services: Services): Choice {
  const { reason, error } = closed;
  if (reason === 'circuit' && !isOutageBearable(start, closed.sinceMs, services)) return { kind: 'none', error };
  const delayMs = turnFor(start, closed, services);
  if (delayMs !== undefined) return { kind: 'wait', error, delayMs };
  const message = `${error.message}, for longer than the job's time allows; no other model is left`;
  return { kind: 'none', error: new GatewayError(error.code, message, error.details) };
}
