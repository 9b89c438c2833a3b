import type { ErrorCode, GatewayError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { AttemptSummary } from '../domain/result.ts';
import type { Bench } from '../store/observations.ts';
import { type Choice, chainExhausted, chooseModel, failuresIn } from './choice.ts';
import type { Services, Start } from './services.ts';
import { delayFor, isWithinPatience } from './waiting.ts';

/** What a failed attempt means for its job. */
export type Verdict = {
  outcome: Exclude<Outcome, { kind: 'completed' }>;
  /** Models that nobody asks for a while. */
  bench?: Bench & { models: readonly string[] };
};

const THROTTLE_MS = 1_000;
/** Providers that limit by the minute ask for 0 or 100 ms, too: at most four refusals a second, whatever they say. */
const SHORTEST_WAIT_MS = 250;
/** However long a provider asks for, the model is asked again after this: it may have meant one job, or one minute. */
const LONGEST_THROTTLE_MS = 300_000;
const KEY_BENCH_MS = 60_000;
const REPEAT_BASE_MS = 500;
const REPEAT_CAP_MS = 20_000;

/**
 * Judges an attempt that failed. `trail` holds the job's attempts including this one.
 *
 * - Throttled: wait for as long as the provider asked when lane and deadline allow; else the next model; when there is
 *   none, wait however long it takes. It spends no attempt.
 * - Anything that another model may do better: the next model at once, within the attempts that the job has.
 * - Nothing but the same model left: once more after a jittered delay.
 */
export function judge(
  error: GatewayError,
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
): Verdict {
  switch (error.disposition) {
    case 'reject':
      return { outcome: { kind: 'rejected', error } };
    case 'defer':
      return { outcome: { kind: 'deferred', error, delayMs: 0 } };
    default:
      break;
  }
  if (error.code === 'PROVIDER_RATE_LIMITED') return judgeThrottled(error, start, trail, services);
  if (error.disposition !== 'other-provider') return { outcome: nextAttempt(error, start, trail, services) };
  // A key that is refused or empty stays so for a while, for every model behind it: other jobs need not find out.
  const provider = services.router.catalog.byProvider.get(trail.at(-1)?.provider ?? '') ?? [];
  const bench = benchModels(
    provider.map((model) => model.alias),
    KEY_BENCH_MS,
    error.code,
    services,
  );
  return { outcome: nextAttempt(error, start, trail, services), bench };
}

/** The choice of the next model must know already who is benched. */
function benchModels(
  models: readonly string[],
  waitMs: number,
  code: ErrorCode,
  services: Services,
): NonNullable<Verdict['bench']> {
  const sinceMs = services.now();
  const bench = { untilMs: Math.ceil(sinceMs + waitMs), sinceMs, code };
  for (const model of models) services.bench(model, bench);
  return { models, ...bench };
}

function judgeThrottled(
  error: GatewayError,
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
): Verdict {
  const askedMs = error.details.retryAfterMs ?? THROTTLE_MS * (1 + services.random());
  const waitMs = Math.min(LONGEST_THROTTLE_MS, Math.max(SHORTEST_WAIT_MS, askedMs));
  const model = trail.at(-1)?.model;
  const bench = benchModels(model === undefined ? [] : [model], waitMs, error.code, services);
  const delayMs = isWithinPatience(start, waitMs, services) ? delayFor(start, waitMs, services) : undefined;
  if (delayMs !== undefined) return { outcome: { kind: 'deferred', error, delayMs }, bench };
  const choice = chooseModel(start, trail, services);
  if (choice.kind === 'none') return { outcome: { kind: 'rejected', error: choice.error }, bench };
  if (choice.kind === 'wait') return { outcome: { kind: 'deferred', error, delayMs: choice.delayMs }, bench };
  return { outcome: { kind: 'deferred', error, delayMs: pauseBefore(choice, start, services) }, bench };
}

function nextAttempt(
  error: GatewayError,
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
): Verdict['outcome'] {
  const exhausted = (): Verdict['outcome'] => ({
    kind: 'rejected',
    error: trail.length > 1 ? chainExhausted(trail) : error,
  });
  // What BullMQ counts leaves out an attempt that failed and then had to wait for the next model.
  const attempts = Math.max(start.attemptsMade + 1, failuresIn(trail).length);
  if (attempts >= start.maxAttempts) return exhausted();
  const choice = chooseModel(start, trail, services);
  if (choice.kind === 'wait') return { kind: 'deferred', error: choice.error, delayMs: choice.delayMs };
  if (choice.kind === 'none') return exhausted();
  return { kind: 'next-model', error, delayMs: pauseBefore(choice, start, services) };
}

/** Another model is asked at once, the same one after a while. */
function pauseBefore(choice: Extract<Choice, { kind: 'chosen' }>, start: Start, services: Services): number {
  if (!choice.isRepeat) return 0;
  const capMs = Math.min(REPEAT_CAP_MS, REPEAT_BASE_MS * 2 ** start.attemptsMade);
  return Math.ceil(capMs * (0.5 + services.random() / 2));
}
