import { type ErrorCode, GatewayError, PASSING_FAILURES } from '../domain/errors.ts';
import type { GateClaim, GateReason, GateReport } from '../domain/gate.ts';
import { callersOf } from '../domain/limit-config.ts';
import type { ProviderKey } from '../domain/provider-config.ts';
import type { Observations } from '../store/observations.ts';
import type { Attempt } from './records.ts';
import type { Services, Start } from './services.ts';
import { timeLeftMs } from './waiting.ts';

/** A gate that a job has come to and found closed. */
export type ClosedGate = { reason: GateReason; delayMs: number; code?: ErrorCode };

/** Seen from the workers, a refused key is an error of its own, a circuit that of its calls, everything else throttling. */
export function errorOfGate(reason: GateReason, provider: string, code?: ErrorCode): GatewayError {
  switch (reason) {
    case 'key': {
      const advice = code === 'PROVIDER_QUOTA' ? 'its credit or spend limit is used up' : 'check its api_key';
      const message = `provider "${provider}" refused an earlier call, and no other is left: ${advice}`;
      return new GatewayError(code ?? 'PROVIDER_AUTH', message, { provider });
    }
    case 'circuit':
      return new GatewayError(code ?? 'PROVIDER_FAILED', `provider "${provider}" is left alone, its calls fail`, {
        provider,
      });
    default: {
      const what = {
        rate: 'as much as its limits allow',
        concurrency: 'as many calls as it takes',
        throttled: 'rate-limited',
      };
      return new GatewayError('PROVIDER_RATE_LIMITED', `provider "${provider}" has ${what[reason]}`, { provider });
    }
  }
}

/** What an attempt asks of its gates. `hasAlternative`: another model could be asked instead. */
export function claimOf(attempt: Attempt, hasAlternative: boolean, services: Services): GateClaim {
  const { start, candidate, inputTokens } = attempt;
  const { model, maxTokens } = candidate;
  const lane = services.config.lanes[start.job.lane];
  return {
    provider: model.provider,
    model: model.id,
    keys: inTurn(services.providers.get(model.provider).keys, services.random),
    modelLimits: model.limits,
    tokens: inputTokens.expected + maxTokens,
    isReturning: start.deferrals > 0,
    goesFirst: lane?.goes_first === true,
    ...(hasAlternative ? { patienceMs: lane?.max_wait ?? 0 } : {}),
    callers: callersOf(start.job, services.config.limits),
    timeLeftMs: Math.max(0, timeLeftMs(start, services)),
  };
}

/** Each key comes first as often as its weight says (weighted sampling without replacement, Efraimidis and Spirakis 2006). */
function inTurn(keys: readonly ProviderKey[], random: () => number): readonly ProviderKey[] {
  if (keys.length === 1) return keys;
  return keys
    .map((key) => ({ key, place: -Math.log(1 - random()) / key.weight }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ key }) => key);
}

const KEY_REFUSED: ReadonlySet<ErrorCode> = new Set(['PROVIDER_AUTH', 'PROVIDER_QUOTA']);

/** What a failed call tells the gates. `isOwnHurry` says that it was our own limit that broke it off. */
export function reportOfFailure(error: GatewayError, isOwnHurry: boolean): GateReport {
  const { details, code } = error;
  const waitMs = KEY_REFUSED.has(code) ? details.benchMs : details.retryAfterMs;
  return {
    verdict: isOwnHurry ? 'neutral' : verdictOf(code),
    code,
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(details.limits === undefined ? {} : { limits: details.limits }),
    ...(details.billUnknown ? {} : { tokens: sumOf(details.billed?.usage) }),
  };
}

function verdictOf(code: ErrorCode): GateReport['verdict'] {
  if (code === 'PROVIDER_RATE_LIMITED') return 'throttled';
  if (code === 'PROVIDER_OVERLOADED') return 'overloaded';
  if (KEY_REFUSED.has(code)) return 'refused';
  // A pin that was retired fails for every job: nobody else need find out.
  return PASSING_FAILURES.has(code) || code === 'MODEL_NOT_FOUND' ? 'failed' : 'neutral';
}

export function sumOf(usage: { input_tokens: number; output_tokens: number } | undefined): number {
  return usage === undefined ? 0 : usage.input_tokens + usage.output_tokens;
}

/** For each lane: until when a model is not even thought of; kept for as long as nothing new is seen. */
const benches = new WeakMap<Observations, Map<number, ReadonlyMap<string, number>>>();

/**
 * Until when models are out for a job (epoch milliseconds, by alias): those whose gates are closed by failures, and
 * those that are throttled for longer than the job's lane would wait. For the others it is worth standing in line.
 */
export function benchedFor(start: Start, { config, observations, now }: Services): ReadonlyMap<string, number> {
  const seen = observations();
  const patienceMs = config.lanes[start.job.lane]?.max_wait ?? 0;
  const known = benches.get(seen) ?? new Map<number, ReadonlyMap<string, number>>();
  if (!benches.has(seen)) benches.set(seen, known);
  const bench = known.get(patienceMs) ?? benchOf(seen, now() + patienceMs);
  known.set(patienceMs, bench);
  return bench;
}

function benchOf({ closedUntil, throttledUntil }: Observations, patientUntil: number): ReadonlyMap<string, number> {
  const tooLong = [...throttledUntil].filter(([, until]) => until > patientUntil);
  return tooLong.length === 0 ? closedUntil : new Map([...tooLong, ...closedUntil]);
}
