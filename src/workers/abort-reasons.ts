import { GatewayError } from '../domain/errors.ts';

/**
 * Why a worker breaks off what it does for a job:
 *
 * - `lease-lost`: no renewal of the job's lock was confirmed in time, so that another worker may have the job by now.
 * - `cancelled`: the job's batch was cancelled.
 * - `stopping`: the worker stops, and gives the job back.
 */
export type AbortKind = 'lease-lost' | 'cancelled' | 'stopping';

const MESSAGES: Record<AbortKind, string> = {
  'lease-lost': 'the lock on the job was not renewed in time; another worker may have it',
  cancelled: 'the batch was cancelled',
  stopping: 'the worker gave the job back',
};

/** The reason of every signal that a worker hands to its calls. */
export class CallAborted extends Error {
  readonly kind: AbortKind;

  constructor(kind: AbortKind) {
    super(MESSAGES[kind]);
    this.name = 'CallAborted';
    this.kind = kind;
  }
}

/**
 * What it means for a job that its signal was aborted. `wasSent`: the provider may have been asked already, so that
 * nobody knows the bill. A cancelled row ends; every other job is run again, here or elsewhere, and has spent no attempt.
 */
export function errorOfAbort(signal: AbortSignal, wasSent: boolean): GatewayError {
  const reason: unknown = signal.reason;
  const kind = reason instanceof CallAborted ? reason.kind : 'stopping';
  const details = wasSent ? { billUnknown: true } : {};
  return new GatewayError(kind === 'cancelled' ? 'CANCELLED' : 'INTERRUPTED', MESSAGES[kind], details);
}
