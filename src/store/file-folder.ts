import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A file that is being written, under a name that nobody reads. */
type FolderDraft = {
  write(bytes: Uint8Array): Promise<void>;
  /** On the disk, under its name. */
  keep(id: string): Promise<void>;
  /** What was kept stays. */
  discard(): Promise<void>;
};

export type FileFolder = ReturnType<typeof createFileFolder>;

const DRAFT = '.partial';
/** Others' files are none of ours to sweep. */
const OURS = /^(?:file-[0-9a-f]{24}|[0-9a-f]{24}\.partial)$/;
/** What is younger may be written, or listed, just now. */
const ORPHAN_AFTER_MS = 6 * 3_600_000;
const CHUNK_BYTES = 1 << 18;

/** The folder of large files: one a file, by its id. Only its owner may look into it. */
export function createFileFolder(path: string) {
  async function create(): Promise<FolderDraft> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const draft = join(path, `${randomBytes(12).toString('hex')}${DRAFT}`);
    const handle = await open(draft, 'wx', 0o600);
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (isOpen) await handle.close();
      isOpen = false;
    };
    return {
      async write(bytes) {
        await handle.appendFile(bytes);
      },
      async keep(id) {
        await handle.sync();
        await close();
        await rename(draft, join(path, id));
      },
      async discard() {
        await close();
        await rm(draft, { force: true });
      },
    };
  }

  async function* read(id: string): AsyncGenerator<Buffer> {
    yield* createReadStream(join(path, id), { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
  }

  async function remove(id: string): Promise<void> {
    await rm(join(path, id), { force: true });
  }

  /** Takes away what nobody knows and has not been touched for hours; returns how many files that were. */
  async function sweep(isKnown: (id: string) => Promise<boolean>): Promise<number> {
    let swept = 0;
    for (const name of await readdir(path).catch(() => [])) {
      if (!OURS.test(name)) continue;
      const file = join(path, name);
      const touchedAt = await stat(file).then(
        ({ mtimeMs }) => mtimeMs,
        () => Date.now(),
      );
      if (Date.now() - touchedAt < ORPHAN_AFTER_MS) continue;
      if (!name.endsWith(DRAFT) && (await isKnown(name))) continue;
      await rm(file, { force: true });
      swept += 1;
    }
    return swept;
  }

  return { create, read, remove, sweep };
}
