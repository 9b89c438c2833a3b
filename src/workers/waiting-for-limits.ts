import { GatewayError } from '../domain/errors.ts';
import type { Admission } from '../store/ledger.ts';
import type { Choice } from './choice.ts';
import type { Services, Start } from './services.ts';
import { ROOM_FOR_A_CALL_MS, timeLeftMs } from './waiting.ts';

/** A limit of those for whom the job is run that has nothing left for it. */
export type UsedUpLimit = Extract<Admission, { kind: 'gated'; reason: 'caller' }>;

/**
 * What becomes of a job whose caller has used a limit up: it waits for its turn, whatever its lane's `max_wait`, since no
 * other model would help. It ends only when its time is over: a turn is an estimate, so one that comes too late is looked
 * at once more before.
 */
export function waitForLimit(
  start: Start,
  { limit, delayMs }: UsedUpLimit,
  services: Services,
): Exclude<Choice, { kind: 'chosen' }> {
  const message = `limit "${limit}" is used up for now`;
  const leftMs = timeLeftMs(start, services) - ROOM_FOR_A_CALL_MS;
  if (leftMs > 0) {
    return { kind: 'wait', error: new GatewayError('USER_RATE_LIMITED', message), delayMs: Math.min(delayMs, leftMs) };
  }
  const error = new GatewayError('USER_RATE_LIMITED', `${message}, and has been for as long as the job had`);
  return { kind: 'none', error };
}
