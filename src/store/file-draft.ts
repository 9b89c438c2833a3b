import type { FileFolder } from './file-folder.ts';
import type { StoredFile } from './file-index.ts';

export type NewFile = {
  /** Another one is made up without it; a file that has it already is replaced. */
  id?: string;
  account: string;
  purpose: string;
  filename: string;
  /** From now; `gateway.files.keep` without it. */
  keepMs?: number;
  /** False for what has to be kept however much the account has; true without it. */
  isCapped?: boolean;
};

/** A file that is being written: nobody sees it before it is kept. */
export type FileDraft = {
  /** Throws FileTooLarge once there is more than a file may have; the draft is gone then. */
  write(chunk: Uint8Array): Promise<void>;
  /** Throws AccountFull, and the draft is gone, when the account has too much already. */
  keep(file: NewFile): Promise<StoredFile>;
  discard(): Promise<void>;
};

export class FileTooLarge extends Error {
  readonly mostBytes: number;

  constructor(mostBytes: number) {
    super(`a file may have ${mostBytes} bytes at the most`);
    this.name = 'FileTooLarge';
    this.mostBytes = mostBytes;
  }
}

export class AccountFull extends Error {
  readonly mostBytes: number;

  constructor(mostBytes: number) {
    super(`the files of an account may come to ${mostBytes} bytes`);
    this.name = 'AccountFull';
    this.mostBytes = mostBytes;
  }
}

type Enlist = (
  fields: NewFile,
  bytes: number,
  content: Buffer | undefined,
  moveTo: (id: string) => Promise<void>,
) => Promise<StoredFile>;

/** In memory while it is small, then in a file of the folder. */
export function createDraft(
  options: { inRedisUpToBytes: number; mostBytes: number },
  folder: FileFolder,
  enlist: Enlist,
): FileDraft {
  let pending: Uint8Array[] = [];
  let bytes = 0;
  let file: Awaited<ReturnType<FileFolder['create']>> | undefined;

  async function discard(): Promise<void> {
    pending = [];
    await file?.discard();
  }

  async function write(chunk: Uint8Array): Promise<void> {
    bytes += chunk.length;
    if (bytes > options.mostBytes) {
      await discard();
      throw new FileTooLarge(options.mostBytes);
    }
    if (!file && bytes <= options.inRedisUpToBytes) return void pending.push(chunk);
    file ??= await folder.create();
    for (const earlier of pending.splice(0)) await file.write(earlier);
    await file.write(chunk);
  }

  async function keep(fields: NewFile): Promise<StoredFile> {
    try {
      const content = file ? undefined : Buffer.concat(pending);
      return await enlist(fields, bytes, content, async (id) => file?.keep(id));
    } catch (error) {
      await discard();
      throw error;
    }
  }

  return { write, keep, discard };
}
