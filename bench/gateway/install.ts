import { execFile } from 'node:child_process';
import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const INSTALL_WITHIN_MS = 600_000;

/** A folder below the system's temporary one that is this user's alone: programs are run from it. */
export async function makeInstallFolder(): Promise<string> {
  const folder = join(tmpdir(), `sluice-bench-gateway-${process.getuid?.() ?? 'user'}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const isOurs = process.getuid === undefined || found.uid === process.getuid();
  if (!found.isDirectory() || !isOurs || (found.mode & 0o022) !== 0) {
    throw new Error(`${folder} must be a folder of this user that nobody else may write to. Remove it and try again.`);
  }
  return folder;
}

/** Installs once; what was broken off half-way is begun anew. Returns the folder. */
export async function installOnce(
  { installFolder, say }: { installFolder: string; say: (line: string) => void },
  name: string,
  install: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(installFolder, name);
  const mark = join(folder, 'installed');
  if (await lstat(mark).catch(() => undefined)) return folder;
  say(`installing ${name} into ${folder}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await install(folder);
  await writeFile(mark, '');
  return folder;
}

/** Runs a program to its end. Throws an Error with the last line that it printed. */
export async function runInstaller(command: string, args: readonly string[]): Promise<void> {
  try {
    await run(command, args, { timeout: INSTALL_WITHIN_MS, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Error(`${command} is not installed here`, { cause: error });
    const line = stderr.trimEnd().split('\n').at(-1)?.slice(0, 200) ?? '';
    throw new Error(`${command} ${args.slice(0, 3).join(' ')} failed: ${line}`, { cause: error });
  }
}
