import { randomBytes } from 'node:crypto';

const FILE_ID = /^file-[0-9a-f]{24}$/;

/** Ids of files are parts of Redis keys and names in a folder: nothing else may pass for one. */
export function isFileId(text: string): boolean {
  return FILE_ID.test(text);
}

/** Without `digest` a new one. */
export function fileIdOf(digest = randomBytes(12).toString('hex')): string {
  return `file-${digest.slice(0, 24)}`;
}
