/**
 * A worker's hold on something that Redis lets others have after a while: the lock of a job, the turn of a chore. Its
 * time is counted here, on a clock that nobody sets, from when a renewal that Redis then confirmed was asked for: a
 * worker that Redis does not answer, that was stopped, or whose event loop was blocked, must see by itself that its time
 * is over.
 */
export type Lease = {
  /** Aborted, with an Error as its reason, when the lease is broken or its time is over. */
  readonly signal: AbortSignal;
  /** Whether it still is, by the clock: a timer that is due may not have come to its turn yet. */
  isHeld(): boolean;
  /** Redis has confirmed a renewal that was asked for at `askedAtMs` of the clock: its time began then, or later. */
  confirm(askedAtMs: number): void;
  /** Ends it early. The first reason stands. */
  break(reason: Error): void;
  /** To be called when the work is done: nothing is aborted any more. */
  end(): void;
};

export type LeaseOptions = {
  durationMs: number;
  /** When the lock was asked for first, on the same clock. */
  askedAtMs: number;
  /** The reason when the time is over. */
  lost: () => Error;
  /** Monotonic milliseconds. */
  clock?: () => number;
};

export function takeLease({ durationMs, askedAtMs, lost, clock = monotonicMs }: LeaseOptions): Lease {
  const controller = new AbortController();
  let endsAtMs = askedAtMs + durationMs;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const leftMs = endsAtMs - clock();
    // One timer for all renewals: when it comes too early, it waits for the rest.
    if (leftMs > 0) timer = setTimeout(look, leftMs);
    else controller.abort(lost());
  }

  function end(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  look();
  return {
    signal: controller.signal,
    isHeld() {
      if (timer !== undefined && clock() >= endsAtMs) {
        end();
        controller.abort(lost());
      }
      return !controller.signal.aborted;
    },
    confirm: (renewalAskedAtMs) => void (endsAtMs = Math.max(endsAtMs, renewalAskedAtMs + durationMs)),
    break(reason) {
      end();
      controller.abort(reason);
    },
    end,
  };
}

/** Milliseconds of a clock that goes on whatever the date is set to. */
export function monotonicMs(): number {
  return performance.now();
}
