import type { Redis } from 'ioredis';
import { isFileId } from './file-id.ts';
import type { Keys } from './keys.ts';

/** What is known of a file. Times are epoch milliseconds. */
export type StoredFile = {
  id: string;
  account: string;
  purpose: string;
  filename: string;
  bytes: number;
  createdAt: number;
  expiresAt: number;
  /** Where its content lies. */
  place: 'redis' | 'folder';
};

export type FileQuery = { purpose?: string; limit: number; order: 'asc' | 'desc'; after?: string };

const PAGE = 500;

/** What is known of files, by their accounts. */
export function createFileIndex(redis: Redis, keys: Keys, now: () => number) {
  /** Undefined for one that is not there (any more), or is another account's. */
  async function find(id: string, account: string): Promise<StoredFile | undefined> {
    const file = await findKept(id, account);
    return file && file.expiresAt > now() ? file : undefined;
  }

  /** Likewise, and for a batch that reads it, also when it has expired meanwhile. */
  async function findKept(id: string, account: string): Promise<StoredFile | undefined> {
    const file = await read(id);
    return file?.account === account ? file : undefined;
  }

  async function read(id: string): Promise<StoredFile | undefined> {
    if (!isFileId(id)) return undefined;
    const text = await redis.get(keys.file(id));
    return text === null ? undefined : (JSON.parse(text) as StoredFile);
  }

  /** An account's files in the order in which they were made; undefined when `after` is none of them. */
  async function list(
    account: string,
    { purpose, limit, order, after }: FileQuery,
  ): Promise<{ files: StoredFile[]; hasMore: boolean } | undefined> {
    const key = keys.filesOf(account);
    const range = (start: number): Promise<string[]> =>
      order === 'asc'
        ? redis.zrange(key, start, String(start + PAGE - 1))
        : redis.zrevrange(key, start, start + PAGE - 1);
    let start = 0;
    if (after !== undefined) {
      if (!isFileId(after)) return undefined;
      const rank = order === 'asc' ? await redis.zrank(key, after) : await redis.zrevrank(key, after);
      if (rank === null) return undefined;
      start = rank + 1;
    }
    const files: StoredFile[] = [];
    for (; ; start += PAGE) {
      const ids = await range(start);
      const texts = ids.length === 0 ? [] : await redis.mget(ids.map((id) => keys.file(id)));
      for (const text of texts) {
        const file = text === null ? undefined : (JSON.parse(text) as StoredFile);
        if (!file || file.expiresAt <= now() || (purpose !== undefined && file.purpose !== purpose)) continue;
        if (files.length === limit) return { files, hasMore: true };
        files.push(file);
      }
      if (ids.length < PAGE) return { files, hasMore: false };
    }
  }

  return { read, find, findKept, list };
}
