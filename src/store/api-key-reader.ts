import type { Redis } from 'ioredis';
import type { StoredApiKey } from '../domain/api-key.ts';
import { readApiKey } from './api-keys.ts';
import type { Keys } from './keys.ts';

/**
 * How long a key is remembered as it was read: so long after a change every gateway obeys it. One that is used all the time
 * is read once a second; telling every gateway at once would spare that, and could be missed.
 */
export const API_KEY_KEPT_MS = 1_000;

/** Whoever tries made-up ids must not fill the memory. */
const MOST_KEPT = 10_000;

type Kept = { found: Promise<StoredApiKey | undefined>; untilMs: number };

export type ApiKeyReader = ReturnType<typeof createApiKeyReader>;

/** Finds the keys of requests. When Redis is away, so are the keys: nobody is let in by what was known. */
export function createApiKeyReader(redis: Redis, keys: Keys, monotonicMs: () => number = () => performance.now()) {
  const known = new Map<string, Kept>();
  let isSomebody = false;
  let nobodyUntilMs = 0;

  /** Ids of no key are remembered, too: both are found in the same time. */
  function find(id: string): Promise<StoredApiKey | undefined> {
    const kept = known.get(id);
    if (kept && kept.untilMs > monotonicMs()) return kept.found;
    const found = readApiKey(redis, keys, id);
    known.delete(id);
    known.set(id, { found, untilMs: monotonicMs() + API_KEY_KEPT_MS });
    found.catch(() => known.delete(id));
    forgetOldest();
    return found;
  }

  function forgetOldest(): void {
    if (known.size <= MOST_KEPT) return;
    const [oldest] = known.keys();
    if (oldest !== undefined) known.delete(oldest);
  }

  /** Whether any key was ever made. */
  async function areThereAny(): Promise<boolean> {
    if (!isSomebody && nobodyUntilMs <= monotonicMs()) {
      isSomebody = (await redis.exists(keys.apiKeys)) === 1;
      nobodyUntilMs = monotonicMs() + API_KEY_KEPT_MS;
    }
    return isSomebody;
  }

  return { find, areThereAny };
}
