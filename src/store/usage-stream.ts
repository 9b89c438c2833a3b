import type { Redis } from 'ioredis';
import { UsageRecord } from '../domain/usage.ts';
import type { Keys } from './keys.ts';

export type UsageEntry = { id: string; record: UsageRecord };

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
      yield page.flatMap(toEntry);
      start = `(${page.at(-1)?.[0]}`;
      if (page.length < PAGE) return;
    }
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
      const page = reply?.[0]?.[1] ?? [];
      if (page.length === 0) continue;
      last = page.at(-1)?.[0] ?? last;
      yield page.flatMap(toEntry);
    }
  }

  async function newestId(): Promise<string> {
    const [newest] = await redis.xrevrange(keys.usage, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? '0-0';
  }

  async function length(): Promise<number> {
    return redis.xlen(keys.usage);
  }

  return { read, follow, length };
}

/** Entries that are not a usage record of a version that we know are left out, not guessed at. */
function toEntry([id, fields]: [string, string[]]): UsageEntry[] {
  const text = fields[fields.indexOf('record') + 1];
  if (text === undefined) return [];
  try {
    const parsed = UsageRecord.safeParse(JSON.parse(text));
    return parsed.success ? [{ id, record: parsed.data }] : [];
  } catch {
    return [];
  }
}
