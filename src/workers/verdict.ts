import type { GatewayError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { AttemptSummary } from '../domain/result.ts';
import { type Choice, type ChoiceLimits, chainExhausted, chooseModel, failuresIn } from './choice.ts';
import { type Services, type Start, deadlineExceeded, deadlineOf } from './services.ts';
import { delayFor, isWithinPatience } from './waiting.ts';

/** What a failed attempt means for its job. */
export type Verdict = Exclude<Outcome, { kind: 'completed' }>;

const THROTTLE_MS = 1_000;
/** Providers that limit by the minute ask for 0 or 100 ms, too: at most four refusals a second, whatever they say. */
const SHORTEST_WAIT_MS = 250;
/** However long a provider asks for, the model is asked again after this: it may have meant one job, or one minute. */
const LONGEST_THROTTLE_MS = 300_000;
const REPEAT_BASE_MS = 500;
const REPEAT_CAP_MS = 20_000;

/**
 * Judges an attempt that failed. `trail` holds the job's attempts including this one.
 *
 * - Throttled or refused with one key of several: again at once, with another key. It spends no attempt.
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
      return { kind: 'rejected', error };
    case 'defer':
      return { kind: 'deferred', error, delayMs: 0 };
    default:
      if (hasOtherKeys(error, trail, services)) return { kind: 'deferred', error, delayMs: 0 };
      return error.code === 'PROVIDER_RATE_LIMITED'
        ? judgeThrottled(error, start, trail, services)
        : nextAttempt(error, start, trail, services);
  }
}

function judgeThrottled(
  error: GatewayError,
  start: Start,
  trail: readonly AttemptSummary[],
  services: Services,
): Verdict {
  const askedMs = error.details.retryAfterMs ?? THROTTLE_MS * (1 + services.random());
  const waitMs = Math.min(LONGEST_THROTTLE_MS, Math.max(SHORTEST_WAIT_MS, askedMs));
  const delayMs = isWithinPatience(start, waitMs, services) ? delayFor(start, waitMs, services) : undefined;
  if (delayMs !== undefined) return { kind: 'deferred', error, delayMs };
  const model = trail.at(-1)?.model ?? '';
  const gated: ChoiceLimits['gated'] = new Map([[model, { reason: 'throttled', delayMs: waitMs }]]);
  const choice = chooseModel(start, trail, services, { gated });
  if (choice.kind === 'none') return { kind: 'rejected', error: choice.error };
  if (choice.kind === 'wait') return { kind: 'deferred', error, delayMs: choice.delayMs };
  return { kind: 'deferred', error, delayMs: pauseBefore(choice, start, services) };
}

/** It was one key that is throttled or refused: the gates know whether another is not. A job is refused once with each. */
function hasOtherKeys(
  { code, disposition }: GatewayError,
  trail: readonly AttemptSummary[],
  services: Services,
): boolean {
  const last = trail.at(-1);
  if (last === undefined) return false;
  if (code === 'PROVIDER_RATE_LIMITED') return services.providers.get(last.provider).keys.length > 1;
  return disposition === 'other-provider' && !failuresIn(trail, services).includes(last);
}

function nextAttempt(error: GatewayError, start: Start, trail: readonly AttemptSummary[], services: Services): Verdict {
  if (services.now() >= deadlineOf(start.job)) return { kind: 'rejected', error: deadlineExceeded(start) };
  const exhausted = (): Verdict => ({ kind: 'rejected', error: trail.length > 1 ? chainExhausted(trail) : error });
  // What BullMQ counts leaves out an attempt that failed and then had to wait for the next model.
  const attempts = Math.max(start.attemptsMade + 1, failuresIn(trail, services).length);
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
