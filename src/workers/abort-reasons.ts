import { type ErrorDetails, GatewayError } from '../domain/errors.ts';

/**
 * Why a worker breaks off what it does for a job:
 *
 * - `lease-lost`: no renewal of the job's lock was confirmed in time, so that another worker may have the job by now.
 * - `cancelled`: the job's batch was cancelled.
 * - `abandoned`: whoever waited for the job's answer is gone.
 * - `stopping`: the worker stops, and gives the job back.
 */
export type AbortKind = 'lease-lost' | 'cancelled' | 'abandoned' | 'stopping';

const MESSAGES: Record<AbortKind, string> = {
  'lease-lost': 'the lock on the job was not renewed in time; another worker may have it',
  cancelled: 'the batch was cancelled',
  abandoned: 'nobody waits for the answer any more',
  stopping: 'the worker gave the job back',
};

/** After these the job is not run again. */
const ENDINGS: ReadonlySet<AbortKind> = new Set(['cancelled', 'abandoned']);

/** The reason of every signal that a worker hands to its calls. */
export class CallAborted extends Error {
  readonly kind: AbortKind;

  constructor(kind: AbortKind) {
    super(MESSAGES[kind]);
    this.name = 'CallAborted';
    this.kind = kind;
  }
}

/** Whether others may have the job by now: then it is theirs to end. */
export function isLost({ reason }: AbortSignal): boolean {
  return reason instanceof CallAborted && reason.kind === 'lease-lost';
}

/**
 * What it means for a job that its signal was aborted. `bill`: what the call has cost that was broken off, or that nobody
 * knows; none when it had not been sent. A cancelled job ends; every other one is run again, here or elsewhere, and has spent no attempt.
 */
export function errorOfAbort(
  signal: AbortSignal,
  bill: Pick<ErrorDetails, 'billed' | 'billUnknown'> = {},
): GatewayError {
  const reason: unknown = signal.reason;
  const kind = reason instanceof CallAborted ? reason.kind : 'stopping';
  return new GatewayError(ENDINGS.has(kind) ? 'CANCELLED' : 'INTERRUPTED', MESSAGES[kind], bill);
}
