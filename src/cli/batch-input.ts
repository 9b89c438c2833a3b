import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { InputError } from '../domain/errors.ts';
import { type Line, readLines } from '../producer/index.ts';
import { reasonOf } from '../config/config-file.ts';
import { Interruption } from './failure.ts';

/** A batch's rows, readable more than once: they are checked whole before the first is enqueued. */
export type BatchInput = {
  /** Stands in front of problems: `batch.jsonl:7: ...`. */
  name: string;
  lines(): AsyncGenerator<Line>;
  /** Removes what was kept aside. */
  close(): Promise<void>;
};

/**
 * Opens a file, or for `-` keeps stdin aside in a temporary one. Only regular files: a device or a pipe cannot be read
 * twice. Once the signal has come, reading throws an Interruption.
 */
export async function openBatchInput(path: string, signal: AbortSignal): Promise<BatchInput> {
  if (path === '-') return openStdin(signal);
  const stats = await stat(path).catch((error: unknown) => {
    throw new InputError(`cannot read ${path}: ${reasonOf(error)}`);
  });
  if (!stats.isFile()) {
    throw new InputError(
      `cannot read ${path}: ${stats.isDirectory() ? 'it is a folder' : 'it is no regular file; use - for stdin'}`,
    );
  }
  return { name: path, lines: () => linesOf(path, path, signal), close: async () => {} };
}

async function openStdin(signal: AbortSignal): Promise<BatchInput> {
  if (process.stdin.isTTY) throw new InputError('nothing on stdin: pipe a JSONL file in, or name one');
  const folder = await mkdtemp(join(tmpdir(), 'sluice-stdin-'));
  const copy = join(folder, 'rows.jsonl');
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await pipeline(process.stdin, createWriteStream(copy, { mode: 0o600 }), { signal });
  } catch (error) {
    await close();
    if (signal.aborted) throw new Interruption('interrupted; nothing was enqueued');
    throw new InputError(`cannot keep stdin aside in ${folder}: ${reasonOf(error)}`);
  }
  return { name: 'stdin', lines: () => linesOf(copy, 'stdin', signal), close };
}

async function* linesOf(path: string, name: string, signal: AbortSignal): AsyncGenerator<Line> {
  try {
    yield* readLines(createReadStream(path, { highWaterMark: 1 << 18, signal }) as AsyncIterable<Buffer>);
  } catch (error) {
    if (signal.aborted) throw new Interruption('interrupted before all rows were enqueued; the same command goes on');
    throw new InputError(`cannot read ${name}: ${reasonOf(error)}`);
  }
}
