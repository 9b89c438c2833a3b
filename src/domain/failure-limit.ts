const FAILURES_PER_WINDOW = 10;
const WINDOW_MS = 60_000;

export type FailureLimit = ReturnType<typeof createFailureLimit>;

/** Counts failed log-ins by address in windows of a minute; all windows end together, which bounds the memory. */
export function createFailureLimit(now: () => number = Date.now) {
  let windowEndsAt = 0;
  const failures = new Map<string, number>();

  function countOf(address: string): number {
    if (now() >= windowEndsAt) {
      failures.clear();
      windowEndsAt = now() + WINDOW_MS;
    }
    return failures.get(address) ?? 0;
  }

  return {
    isReached: (address: string): boolean => countOf(address) >= FAILURES_PER_WINDOW,
    count: (address: string): void => {
      failures.set(address, countOf(address) + 1);
    },
    retryAfterSeconds: (): number => Math.max(1, Math.ceil((windowEndsAt - now()) / 1_000)),
  };
}
