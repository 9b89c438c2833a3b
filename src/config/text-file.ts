import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { InputError } from '../domain/errors.ts';

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(`cannot read ${path}: ${reasonOf(error)}`);
  }
}

/** Replaces the file as a whole: whoever reads it meanwhile, or after a crash, finds the old text or the new one. */
export function replaceText(path: string, text: string): void {
  const beside = `${path}.${process.pid}.new`;
  try {
    writeFileSync(beside, text);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new InputError(`cannot write ${path}: ${reasonOf(error)}`);
  }
}

/** `no such file`, `is a directory`, ... for a failed read or write. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const reasons: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
    ENOSPC: 'no space left on the device',
    ENOTDIR: 'a part of the path is no folder',
    EROFS: 'the file system is read-only',
  };
  return reasons[code ?? ''] ?? code ?? 'it failed';
}
