import type { Redis } from 'ioredis';
import { UsageRecord } from '../domain/usage.ts';
import type { Keys } from './keys.ts';

export type UsageEntry = { id: string; record: UsageRecord };
/** An entry as it stands in Redis: its id, and fields and values by turns. */
export type StreamEntry = [id: string, fields: string[]];

const PAGE = 1_000;

export type UsageStream = ReturnType<typeof createUsageStream>;

/** Reads the usage stream; it is written by the ledger alone. Pages keep memory flat however long the stream is. */
export function createUsageStream(redis: Redis, keys: Keys) {
  /** The records from `sinceMs` on (epoch milliseconds, by Redis' clock), oldest first, a page at a time. */
  async function* read(options: { sinceMs?: number; afterId?: string } = {}): AsyncGenerator<UsageEntry[]> {
    let start = options.afterId !== undefined ? `(${options.afterId}` : String(options.sinceMs ?? '-');
    for (;;) {
      const page = await redis.xrange(keys.usage, start, '+', 'COUNT', PAGE);
      if (page.length === 0) return;
      yield page.flatMap(understand);
      start = `(${page.at(-1)?.[0]}`;
      if (page.length < PAGE) return;
    }
  }

  /**
   * The entries that follow `afterId`, at most `count`, also those that are not understood. With `beforeId` only those
   * in front of it, with `untilId` that one is the last.
   */
  async function page(options: {
    afterId: string;
    beforeId?: string;
    untilId?: string;
    count?: number;
  }): Promise<StreamEntry[]> {
    const { afterId, beforeId, untilId = '+', count = PAGE } = options;
    const end = beforeId === undefined ? untilId : `(${beforeId}`;
    return redis.xrange(keys.usage, `(${afterId}`, end, 'COUNT', count);
  }

  /**
   * Records as they arrive, after `afterId` (`$`: from now on), until the signal aborts.
   * Blocks its connection, so give it one of its own.
   */
  async function* follow(signal: AbortSignal, afterId = '$'): AsyncGenerator<UsageEntry[]> {
    // Asked for `$` again and again, Redis would leave out what arrives between two questions.
    let last = afterId === '$' ? await newestId() : afterId;
    while (!signal.aborted) {
      const reply = await redis.xread('COUNT', PAGE, 'BLOCK', 1_000, 'STREAMS', keys.usage, last);
      const entries = reply?.[0]?.[1] ?? [];
      if (entries.length === 0) continue;
      last = entries.at(-1)?.[0] ?? last;
      yield entries.flatMap(understand);
    }
  }

  async function newestId(): Promise<string> {
    const [newest] = await redis.xrevrange(keys.usage, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? '0-0';
  }

  async function length(): Promise<number> {
    return redis.xlen(keys.usage);
  }

  return { read, page, follow, length };
}

/** Entries that are not a usage record of a version that we know are left out, not guessed at. */
export function understand([id, fields]: StreamEntry): UsageEntry[] {
  const parsed = UsageRecord.safeParse(recordOf(fields));
  return parsed.success ? [{ id, record: parsed.data }] : [];
}

/** What an entry holds, unchecked; undefined when it is no JSON. */
export function recordOf(fields: readonly string[]): unknown {
  const text = fields[fields.indexOf('record') + 1];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
