import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type FileDraft, type NewFile, createDraft } from './file-draft.ts';
import { createFileFolder } from './file-folder.ts';
import { type StoredFile, createFileIndex } from './file-index.ts';
import type { Keys } from './keys.ts';

export type FileStoreOptions = {
  /** Where large files lie; made when it is first needed. */
  folder: string;
  inRedisUpToBytes: number;
  mostBytes: number;
  keepMs: number;
  now: () => number;
};

/**
 * KEYS: the file, its content, its readers, the files of its account, all by expiry. ARGV: the file's id.
 * Reply: gone, read or missing.
 */
const REMOVE = `
if redis.call('SCARD', KEYS[3]) > 0 then return 'read' end
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('DEL', KEYS[2])
return redis.call('DEL', KEYS[1]) == 1 and 'gone' or 'missing'
`;

export type FileStore = ReturnType<typeof createFileStore>;

/**
 * Files of accounts: what is known of them in Redis, their content there too while it is small, else in a folder. Content
 * comes first and the entry that lists it last, in one step; what a crash leaves in the folder, `sweep` takes away.
 */
export function createFileStore(redis: Redis, keys: Keys, options: FileStoreOptions) {
  const folder = createFileFolder(options.folder);
  const index = createFileIndex(redis, keys, options.now);

  /** The content is in the folder under the file's id once `moveTo` is done, unless it is given here. */
  async function enlist(
    fields: NewFile,
    bytes: number,
    content: Buffer | undefined,
    moveTo: (id: string) => Promise<void>,
  ): Promise<StoredFile> {
    const { id = `file-${randomBytes(12).toString('hex')}`, account, purpose, filename } = fields;
    const createdAt = options.now();
    const expiresAt = createdAt + (fields.keepMs ?? options.keepMs);
    await moveTo(id);
    const place = content ? 'redis' : 'folder';
    const file: StoredFile = { id, account, purpose, filename, bytes, createdAt, expiresAt, place };
    await put(redis, keys, file, content);
    return file;
  }

  function draft(): FileDraft {
    return createDraft(options, folder, enlist);
  }

  /** Also of a file that has expired, as long as it is there. Throws when its content is gone. */
  async function* content(file: StoredFile): AsyncGenerator<Buffer> {
    if (file.place === 'folder') return yield* folder.read(file.id);
    const bytes = await redis.getBuffer(keys.fileContent(file.id));
    if (bytes === null) throw new Error(`the content of ${file.id} is gone`);
    yield bytes;
  }

  /** `read`: a batch still reads it, and it stays. */
  async function remove({ id, account, place }: StoredFile): Promise<'gone' | 'read' | 'missing'> {
    const touched = [
      keys.file(id),
      keys.fileContent(id),
      keys.fileReaders(id),
      keys.filesOf(account),
      keys.filesExpiring,
    ];
    const outcome = (await redis.eval(REMOVE, touched.length, ...touched, id)) as 'gone' | 'read' | 'missing';
    if (outcome !== 'read' && place === 'folder') await folder.remove(id);
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

  return { ...index, draft, content, remove, sweep };
}

/** In one step, so that nobody finds one without the other. */
async function put(redis: Redis, keys: Keys, file: StoredFile, content: Buffer | undefined): Promise<void> {
  const transaction = redis.multi();
  if (content) transaction.set(keys.fileContent(file.id), content);
  else transaction.del(keys.fileContent(file.id));
  await transaction
    .set(keys.file(file.id), JSON.stringify(file))
    .zadd(keys.filesOf(file.account), file.createdAt, file.id)
    .zadd(keys.filesExpiring, file.expiresAt, file.id)
    .exec();
}
