import { once } from 'node:events';
import { type WriteStream, accessSync, constants, createWriteStream, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError } from '../domain/errors.ts';
import type { JobResult } from '../domain/result.ts';
import { reasonOf } from '../config/config-file.ts';
import { SLUICE } from './invocation.ts';
import { outputLine } from './output-lines.ts';

/** Where a batch's results go: completed rows to one file (or stdout), failed ones to another. */
export type BatchOutput = {
  write(result: JobResult): Promise<void>;
  /** Moves the finished files to their names; a reader never sees half of one. `hasErrors` tells whether there is a second. */
  finish(): Promise<{ hasErrors: boolean }>;
};

export type OutputPaths = { results: string; errors: string };

/** `rows.jsonl` -> `rows.results.jsonl` and `rows.errors.jsonl`; `-` writes results to stdout. */
export function outputPaths(input: string, out: string | undefined, batchId: string): OutputPaths {
  const stem = input === '-' ? `sluice-${batchId}` : input.replace(/\.(jsonl|ndjson|json)$/, '');
  const results = out ?? (input === '-' ? '-' : `${stem}.results.jsonl`);
  const base = results === '-' ? stem : results.replace(/(\.results)?\.(jsonl|ndjson|json)$/, '');
  return { results, errors: `${base}.errors.jsonl` };
}

/** Finds out before anything is paid for whether the results can be written. Throws an InputError when not. */
export function demandWritable(input: string, { results, errors }: OutputPaths): void {
  for (const path of results === '-' ? [errors] : [results, errors]) {
    if (resolve(path) === resolve(input)) throw new InputError(`cannot write ${path}: it is the file of the rows`);
    const problem = problemOfTarget(path);
    if (problem) throw new InputError(`cannot write ${path}: ${problem}`);
  }
}

function problemOfTarget(path: string): string | undefined {
  const folder = dirname(resolve(path));
  try {
    const target = statSync(path, { throwIfNoEntry: false });
    if (target && !target.isFile()) return target.isDirectory() ? 'it is a folder' : 'it is no regular file';
    if (!statSync(folder).isDirectory()) return `${folder} is no folder`;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

export function openBatchOutput({ results: resultsPath, errors: errorsPath }: OutputPaths): BatchOutput {
  const results = resultsPath === '-' ? undefined : openPartial(resultsPath);
  let errors: PartialFile | undefined;

  return {
    async write(result) {
      const line = `${outputLine(result)}\n`;
      if (result.status === 'failed') await (errors ??= openPartial(errorsPath)).write(line);
      else if (results) await results.write(line);
      else if (!process.stdout.write(line)) await once(process.stdout, 'drain');
    },
    async finish() {
      await results?.finish();
      await errors?.finish();
      // What an earlier, interrupted run of the same file left there is not true any more.
      if (!errors) await rm(errorsPath, { force: true });
      return { hasErrors: errors !== undefined };
    },
  };
}

type PartialFile = { write(text: string): Promise<void>; finish(): Promise<void> };

function openPartial(path: string): PartialFile {
  // Two runs of one file may end at the same time: each writes a file of its own.
  const partial = `${path}.${process.pid}.partial`;
  const stream: WriteStream = createWriteStream(partial);
  const closed = new Promise<void>((resolve) => {
    stream.once('close', resolve);
  });
  let failure: InputError | undefined;
  stream.on('error', (error) => {
    failure = new InputError(
      `cannot write ${path}: ${reasonOf(error)}; the results are kept, "${SLUICE} batch results" writes them`,
    );
  });
  const throwFailure = async (): Promise<void> => {
    if (!failure) return;
    await rm(partial, { force: true });
    throw failure;
  };
  return {
    async write(text) {
      await throwFailure();
      if (!stream.write(text)) await Promise.race([drained(stream), closed]);
    },
    async finish() {
      stream.end();
      await closed;
      await throwFailure();
      await rename(partial, path);
    },
  };
}

function drained(stream: WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', resolve);
  });
}
