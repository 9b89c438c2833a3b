import { GatewayError } from '../domain/errors.ts';
import type { JobResult } from '../domain/result.ts';

export type WaitOptions = {
  /** Infinity: however long it takes. */
  timeoutMs: number;
  /** Ends the wait with its reason. */
  signal?: AbortSignal;
};

export type Wait = {
  result: Promise<JobResult>;
  resolve(result: JobResult): void;
  reject(error: unknown): void;
  /** Leaves no timer and no listener behind. */
  end(): void;
};

/** Node's timers hold no more: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Waits of one process for the results of jobs; closing ends all of them with an error. */
export function createWaits() {
  const open = new Map<Wait, string>();
  let isClosed = false;

  function begin(jobId: string, { timeoutMs, signal }: WaitOptions): Wait {
    if (isClosed) throw closed(jobId);
    const { promise: result, resolve, reject } = Promise.withResolvers<JobResult>();
    // It may end before anybody listens.
    result.catch(() => {});
    const onAbort = (): void => reject(signal?.reason as Error);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const tooLate = (): void =>
      reject(new GatewayError('DEADLINE_EXCEEDED', `job ${jobId} has not ended within ${timeoutMs} ms; it goes on`));
    const timer = timeoutMs === Infinity ? undefined : setTimeout(tooLate, Math.min(timeoutMs, LONGEST_TIMER_MS));
    const wait: Wait = {
      result,
      resolve,
      reject,
      end() {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        open.delete(wait);
      },
    };
    open.set(wait, jobId);
    return wait;
  }

  function close(): void {
    isClosed = true;
    for (const [wait, jobId] of open) wait.reject(closed(jobId));
  }

  return { begin, close };
}
export type Waits = ReturnType<typeof createWaits>;

function closed(jobId: string): GatewayError {
  return new GatewayError('INTERRUPTED', `the producer was closed before job ${jobId} had ended; it goes on`);
}
