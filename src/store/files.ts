import type { Redis } from 'ioredis';
import { AccountFull, type FileDraft, type NewFile, createDraft } from './file-draft.ts';
import { createFileEntries } from './file-entries.ts';
import { createFileFolder } from './file-folder.ts';
import { fileIdOf } from './file-id.ts';
import { type StoredFile, createFileIndex } from './file-index.ts';
import type { Keys } from './keys.ts';

export type FileStoreOptions = {
  /** Where large files lie; made when it is first needed. */
  folder: string;
  inRedisUpToBytes: number;
  mostBytes: number;
  /** What the files of an account, and all those in Redis, may come to. */
  mostBytesPerAccount: number;
  mostBytesInRedis: number;
  keepMs: number;
  now: () => number;
};

export type FileStore = ReturnType<typeof createFileStore>;

/**
 * Files of accounts: what is known of them in Redis, their content there too while it is small, else in a folder. Content
 * comes first and the entry that lists it last, in one step; what a crash leaves in the folder, `sweep` takes away.
 */
export function createFileStore(redis: Redis, keys: Keys, options: FileStoreOptions) {
  const folder = createFileFolder(options.folder);
  const index = createFileIndex(redis, keys, options.now);
  const entries = createFileEntries(redis, keys);

  /** The content is in the folder under the file's id once `moveTo` is done, unless it is given here. */
  async function enlist(
    fields: NewFile,
    bytes: number,
    content: Buffer | undefined,
    moveTo: (id: string) => Promise<void>,
  ): Promise<StoredFile> {
    const { id = fileIdOf(), account, purpose, filename, isCapped = true } = fields;
    const createdAt = options.now();
    const expiresAt = createdAt + (fields.keepMs ?? options.keepMs);
    const file = { id, account, purpose, filename, bytes, createdAt, expiresAt };
    const mostBytes = options.mostBytesPerAccount;
    const most = { ofAccount: isCapped ? mostBytes : undefined, inRedis: options.mostBytesInRedis };
    const small: StoredFile = { ...file, place: 'redis' };
    const outcome = content ? await entries.put(small, content, most) : 'redis-full';
    if (outcome === 'kept') return small;
    if (outcome === 'account-full') throw new AccountFull(mostBytes);
    await (content ? folder.write(id, content) : moveTo(id));
    const large: StoredFile = { ...file, place: 'folder' };
    if ((await entries.put(large, undefined, most)) === 'kept') return large;
    await folder.remove(id);
    throw new AccountFull(mostBytes);
  }

  function draft(): FileDraft {
    return createDraft(options, folder, enlist);
  }

  /** Throws AccountFull when so many bytes are too many for the account by now. */
  async function checkRoom(account: string, bytes: number): Promise<void> {
    const { mostBytesPerAccount: most } = options;
    if ((await entries.bytesOf(account)) + bytes > most) throw new AccountFull(most);
  }

  /** Also of a file that has expired, as long as it is there. Throws when its content is gone. */
  async function* content(file: StoredFile): AsyncGenerator<Buffer> {
    if (file.place === 'folder') return yield* folder.read(file.id);
    const bytes = await redis.getBuffer(keys.fileContent(file.id));
    if (bytes === null) throw new Error(`the content of ${file.id} is gone`);
    yield bytes;
  }

  /** `read`: a batch still reads it, and it stays. */
  async function remove(file: StoredFile): Promise<'gone' | 'read' | 'missing'> {
    const outcome = await entries.remove(file);
    if (outcome !== 'read' && file.place === 'folder') await folder.remove(file.id);
    return outcome;
  }

  /** Takes away what has expired, and what crashes left in the folder. */
  async function sweep(): Promise<{ expired: number; orphans: number }> {
    let expired = 0;
    const ids = await redis.zrangebyscore(keys.filesExpiring, '-inf', options.now());
    for (const id of ids) {
      const file = await index.read(id);
      if (!file) await redis.zrem(keys.filesExpiring, id);
      else if ((await remove(file)) === 'gone') expired += 1;
    }
    const orphans = await folder.sweep(async (id) => (await redis.exists(keys.file(id))) === 1);
    return { expired, orphans };
  }

  return { ...index, draft, checkRoom, content, remove, sweep };
}
