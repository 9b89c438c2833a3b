import type { GatewayError } from './errors.ts';
import type { JobResult } from './result.ts';

/** What one run of the main path says should happen to the job. Only `workers/settle.ts` knows what that means to BullMQ. */
export type Outcome =
  | { kind: 'completed'; result: JobResult }
  /** Another attempt: at once when `delayMs` is 0 (another model), else after that delay (the same one). */
  | { kind: 'next-model'; error: GatewayError; delayMs: number }
  /** Put back without spending an attempt; `delayMs` 0 gives the job back to the head of its lane at once. */
  | { kind: 'deferred'; error: GatewayError; delayMs: number }
  | { kind: 'rejected'; error: GatewayError };
