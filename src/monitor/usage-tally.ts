import { setTimeout as sleep } from 'node:timers/promises';
import type { UsageEntry, UsageStream } from '../store/usage-stream.ts';
import { createUsageMetrics } from './usage-metrics.ts';

const RETRY_AFTER_MS = 1_000;

export type UsageTally = ReturnType<typeof startUsageTally>;

/**
 * Folds the usage stream from its beginning, then follows it. The stream's connection has to be its own, to be closed
 * after `stop`.
 */
export function startUsageTally(stream: Pick<UsageStream, 'read' | 'follow'>) {
  const metrics = createUsageMetrics();
  const stopping = new AbortController();
  const caughtUp = Promise.withResolvers<void>();
  let isCaughtUp = false;
  let lastId = '0-0';

  function count(page: readonly UsageEntry[]): void {
    for (const { id, record } of page) {
      metrics.count(record);
      lastId = id;
    }
  }

  async function readOn(): Promise<void> {
    for await (const page of stream.read({ afterId: lastId })) count(page);
    isCaughtUp = true;
    caughtUp.resolve();
    for await (const page of stream.follow(stopping.signal, lastId)) count(page);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await readOn().catch(() => sleep(RETRY_AFTER_MS, undefined, { signal: stopping.signal }).catch(() => {}));
    }
  }

  void run();
  return {
    /** Resolves when every record that was there at the start has been counted. */
    caughtUp: caughtUp.promise,
    /** Nothing before that: half a sum would look to Prometheus like a counter that fell and leapt back. */
    render: (): string[] => (isCaughtUp ? metrics.render() : []),
    /** A read that is under way ends with its connection; while Redis is away, ioredis never settles it. */
    stop: (): void => stopping.abort(),
  };
}
