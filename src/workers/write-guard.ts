import type { Logger } from 'pino';

/**
 * What Redis answers when it is there and does not write: its disk or its memory is full, it is or has become a replica,
 * has lost its own replicas or its cluster, or is still loading.
 */
const REFUSALS = /^(MISCONF|OOM|READONLY|NOREPLICAS|CLUSTERDOWN|LOADING|MASTERDOWN)\b/;

const FIRST_PROBE_MS = 250;
const LONGEST_PROBE_MS = 5_000;

/** The word by which Redis refuses to write, `MISCONF` for one; undefined for every other error. */
export function refusalIn(error: unknown): string | undefined {
  return error instanceof Error ? REFUSALS.exec(error.message)?.[1] : undefined;
}

export type WriteGuard = {
  /** For every error of Redis that comes by: one that refuses a write pauses the workers. True for such a one. */
  notice(error: unknown): boolean;
  /**
   * Does what has to be written, again as soon as Redis takes writes if it refuses this one. What it throws is another
   * failure, or the refusal when the guard was stopped.
   */
  insist<Value>(write: () => Promise<Value>): Promise<Value>;
  /** Ends the waiting; what waits fails with its refusal. */
  stop(): void;
};

export type WriteGuardOptions = {
  /** A write that changes nothing that matters; fails for as long as Redis refuses. */
  probe: () => Promise<unknown>;
  pause: () => void;
  resume: () => void;
  logger: Logger;
  random?: () => number;
};

/**
 * Pauses the workers of a process while Redis refuses writes: they could not settle what they call, and BullMQ would
 * ask for jobs thousands of times a second. Whether it takes writes again is tried with one write of our own.
 */
export function createWriteGuard(options: WriteGuardOptions): WriteGuard {
  const { probe, pause, resume, logger, random = Math.random } = options;
  const stopped = Promise.withResolvers<void>();
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let reopened: Promise<void> | undefined;

  function notice(error: unknown): boolean {
    const refusal = refusalIn(error);
    if (refusal !== undefined && !isStopped) reopened ??= keepClosed(refusal);
    return refusal !== undefined;
  }

  async function keepClosed(refusal: string): Promise<void> {
    const closedAtMs = performance.now();
    pause();
    logger.warn({ reason: refusal }, 'Redis refuses writes; no new calls until it takes them again');
    await probeUntilTaken();
    reopened = undefined;
    if (isStopped) return;
    logger.warn({ paused_ms: Math.round(performance.now() - closedAtMs) }, 'Redis takes writes again');
    resume();
  }

  async function probeUntilTaken(): Promise<void> {
    for (let waitMs = FIRST_PROBE_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_PROBE_MS)) {
      const waited = Promise.withResolvers<void>();
      timer = setTimeout(waited.resolve, waitMs * (0.5 + random() / 2));
      await Promise.race([waited.promise, stopped.promise]);
      if (isStopped) return;
      const isTaken = await probe().then(
        () => true,
        () => false,
      );
      if (isTaken) return;
    }
  }

  async function insist<Value>(write: () => Promise<Value>): Promise<Value> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!notice(error) || isStopped) throw error;
        await Promise.race([reopened, stopped.promise]);
        if (isStopped) throw error;
      }
    }
  }

  function stop(): void {
    isStopped = true;
    clearTimeout(timer);
    stopped.resolve();
  }

  return { notice, insist, stop };
}
