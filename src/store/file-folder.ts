import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isFileId } from './file-id.ts';

/** A file that is being written, under a name that nobody reads. */
type FolderDraft = {
  write(bytes: Uint8Array): Promise<void>;
  /** On the disk, under its name. */
  keep(id: string): Promise<void>;
  /** What was kept stays. */
  discard(): Promise<void>;
};

/** The folder could not be written to: it is full, or somebody else's. */
export class FolderFailure extends Error {
  /** `ENOSPC` */
  readonly code: string;

  constructor(code: string, options: ErrorOptions) {
    super(`the folder of files cannot be written to: ${code}`, options);
    this.name = 'FolderFailure';
    this.code = code;
  }
}

export type FileFolder = ReturnType<typeof createFileFolder>;

const DRAFT = '.partial';
const DRAFT_NAME = /^[0-9a-f]{24}\.partial$/;
/** What is younger may be written, or listed, just now. */
const ORPHAN_AFTER_MS = 6 * 3_600_000;
const CHUNK_BYTES = 1 << 18;

/** The folder of large files: one a file, by its id. Only its owner may look into it. */
export function createFileFolder(path: string) {
  /** Whatever somebody has made of an id: nothing outside of the folder has a name here. */
  function placeOf(id: string): string {
    if (!isFileId(id)) throw new Error('this is no id of a file');
    return join(path, id);
  }

  const create = (): Promise<FolderDraft> => createDraft(path, placeOf);

  /** A whole file at once. */
  async function write(id: string, bytes: Uint8Array): Promise<void> {
    const draft = await create();
    try {
      await draft.write(bytes);
      await draft.keep(id);
    } finally {
      await draft.discard();
    }
  }

  async function* read(id: string): AsyncGenerator<Buffer> {
    yield* createReadStream(placeOf(id), { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
  }

  async function remove(id: string): Promise<void> {
    await rm(placeOf(id), { force: true });
  }

  /** Takes away what nobody knows and has not been touched for hours; returns how many files that were. */
  async function sweep(isKnown: (id: string) => Promise<boolean>): Promise<number> {
    let swept = 0;
    for (const name of await readdir(path).catch(() => [])) {
      // Others' files are none of ours to sweep.
      if (!isFileId(name) && !DRAFT_NAME.test(name)) continue;
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

  return { create, write, read, remove, sweep };
}

async function createDraft(folder: string, placeOf: (id: string) => string): Promise<FolderDraft> {
  const draft = join(folder, `${randomBytes(12).toString('hex')}${DRAFT}`);
  const handle = await written(async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return open(draft, 'wx', 0o600);
  });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
  return {
    write: (bytes) => written(() => handle.appendFile(bytes)),
    async keep(id) {
      const place = placeOf(id);
      await written(async () => {
        await handle.sync();
        await close();
        await rename(draft, place);
      });
    },
    async discard() {
      await close();
      await rm(draft, { force: true });
    },
  };
}

/** Throws a FolderFailure for what the system says against it. */
async function written<Value>(write: () => Promise<Value>): Promise<Value> {
  try {
    return await write();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    throw /^E[A-Z0-9]+$/.test(code) ? new FolderFailure(code, { cause }) : cause;
  }
}
