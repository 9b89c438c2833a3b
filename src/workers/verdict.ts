import { GatewayError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { AttemptSummary } from '../domain/result.ts';
import { chainExhausted, chooseModel, failuresIn, mayWait } from './choice.ts';
import type { Services, Start } from './services.ts';

/** What a failed attempt means for its job. */
export type Verdict = {
  outcome: Exclude<Outcome, { kind: 'completed' }>;
  /** Models that nobody asks until then (epoch ms). */
  bench?: { models: readonly string[]; untilMs: number };
};

const THROTTLE_MS = 1_000;
/** `Retry-After: 0` must not turn into a busy loop of deferrals. */
const SHORTEST_WAIT_MS = 100;
const KEY_BENCH_MS = 60_000;
const REPEAT_BASE_MS = 500;
const REPEAT_CAP_MS = 20_000;

/**
 * Judges an attempt that failed. `trail` holds the job's attempts including this one.
 *
 * - Throttled: wait for as long as the provider asked when lane and deadline allow; else the next model.
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
    services,
  );
  return { outcome: nextAttempt(error, start, trail, services), bench };
}

/** The choice of the next model must know already who is benched. */
function benchModels(models: readonly string[], waitMs: number, services: Services): NonNullable<Verdict['bench']> {
  const untilMs = Math.ceil(services.now() + waitMs);
  for (const model of models) services.bench(model, untilMs);
  return { models, untilMs };
}

function judgeThrottled(
  error: GatewayError,
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
): Verdict {
  const waitMs = Math.max(SHORTEST_WAIT_MS, error.details.retryAfterMs ?? THROTTLE_MS * (1 + services.random()));
  const model = trail.at(-1)?.model;
  const bench = benchModels(model === undefined ? [] : [model], waitMs, services);
  // The jobs that were throttled together should not come back together.
  const delayMs = Math.ceil(waitMs * (1 + services.random() * 0.25)) + 1;
  if (mayWait(start, delayMs, services)) return { outcome: { kind: 'deferred', error, delayMs }, bench };
  return { outcome: nextAttempt(error, start, trail, services), bench };
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
  if (!choice.isRepeat) return { kind: 'next-model', error, delayMs: 0 };
  const capMs = Math.min(REPEAT_CAP_MS, REPEAT_BASE_MS * 2 ** start.attemptsMade);
  return { kind: 'next-model', error, delayMs: Math.ceil(capMs * (0.5 + services.random() / 2)) };
}
