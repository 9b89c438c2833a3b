import type { Redis } from 'ioredis';
import type { StoredFile } from './file-index.ts';
import type { Keys } from './keys.ts';

/** So much longer than its file a content stays in Redis that nobody takes away: gateways may be away for a while. */
const CONTENT_GRACE_MS = 86_400_000;

/** Adds to a counter of bytes; one that comes to nothing is not kept. */
const COUNT = `
local function count(field, bytes)
  if bytes == 0 then return end
  local sum = redis.call('HINCRBY', KEYS[5], field, string.format('%.0f', bytes))
  if sum <= 0 then redis.call('HDEL', KEYS[5], field) end
end

-- Of a file as it is written down: all of its bytes, and those that are in Redis.
local function bytes_of(text)
  if not text then return 0, 0 end
  local file = cjson.decode(text)
  return file.bytes, file.place == 'redis' and file.bytes or 0
end
`;

/**
 * In one step, so that nobody finds an entry without its content. KEYS: the file, its content, the files of its account, all
 * by expiry, the bytes. ARGV: the file's id, what it is, when it was made, when it expires, its account's counter, what
 * that and the one of Redis may come to ('' for whatever), and of a content in Redis its life (ms) and itself.
 * Reply: kept, account-full or redis-full.
 */
const PUT = `${COUNT}
local all_before, here_before = bytes_of(redis.call('GET', KEYS[1]))
local all, here = bytes_of(ARGV[2])
local function is_full(field, more, most)
  return most ~= '' and more > 0 and (tonumber(redis.call('HGET', KEYS[5], field)) or 0) + more > tonumber(most)
end
if is_full(ARGV[5], all - all_before, ARGV[6]) then return 'account-full' end
if is_full('in-redis', here - here_before, ARGV[7]) then return 'redis-full' end
if ARGV[9] then redis.call('SET', KEYS[2], ARGV[9], 'PX', ARGV[8]) else redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1])
count(ARGV[5], all - all_before)
count('in-redis', here - here_before)
return 'kept'
`;

/** KEYS: as above, and the file's readers. ARGV: the file's id, its account's counter. Reply: gone, read or missing. */
const REMOVE = `${COUNT}
if redis.call('SCARD', KEYS[6]) > 0 then return 'read' end
local all, here = bytes_of(redis.call('GET', KEYS[1]))
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('DEL', KEYS[2])
count(ARGV[2], -all)
count('in-redis', -here)
return redis.call('DEL', KEYS[1]) == 1 and 'gone' or 'missing'
`;

export type FileEntries = ReturnType<typeof createFileEntries>;

/** What is known of files, with the contents that are in Redis and the counts of all their bytes. */
export function createFileEntries(redis: Redis, keys: Keys) {
  const touched = ({ id, account }: StoredFile): string[] => [
    keys.file(id),
    keys.fileContent(id),
    keys.filesOf(account),
    keys.filesExpiring,
    keys.fileBytes,
  ];

  /** `most`: what the files of the account, and those in Redis, may come to. */
  async function put(
    file: StoredFile,
    content: Buffer | undefined,
    most: { ofAccount: number | undefined; inRedis: number },
  ): Promise<'kept' | 'account-full' | 'redis-full'> {
    const { id, account, createdAt, expiresAt } = file;
    const limits = [most.ofAccount ?? '', most.inRedis];
    const facts = [id, JSON.stringify(file), createdAt, expiresAt, counterOf(account), ...limits];
    const kept = content ? [Math.max(1, expiresAt - createdAt) + CONTENT_GRACE_MS, content] : [];
    const reply = await redis.eval(PUT, 5, ...touched(file), ...facts, ...kept);
    return reply as 'kept' | 'account-full' | 'redis-full';
  }

  /** `read`: a batch still reads it, and it stays. */
  async function remove(file: StoredFile): Promise<'gone' | 'read' | 'missing'> {
    const keysOfIt = [...touched(file), keys.fileReaders(file.id)];
    const reply = await redis.eval(REMOVE, 6, ...keysOfIt, file.id, counterOf(file.account));
    return reply as 'gone' | 'read' | 'missing';
  }

  async function bytesOf(account: string): Promise<number> {
    return Number((await redis.hget(keys.fileBytes, counterOf(account))) ?? 0);
  }

  return { put, remove, bytesOf };
}

function counterOf(account: string): string {
  return `of:${account}`;
}
