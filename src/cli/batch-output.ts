import { once } from 'node:events';
import { type WriteStream, createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { InputError } from '../domain/errors.ts';
import type { JobResult } from '../domain/result.ts';
import { reasonOf } from './config-file.ts';
import { outputLine } from './output-lines.ts';

/** Where a batch's results go: completed rows to one file (or stdout), failed ones to another. */
export type BatchOutput = {
  resultsPath: string;
  errorsPath: string;
  write(result: JobResult): Promise<void>;
  /** Moves the finished files to their names; a reader never sees half of one. `hasErrors` tells whether there is a second. */
  finish(): Promise<{ hasErrors: boolean }>;
};

/** `rows.jsonl` -> `rows.results.jsonl` and `rows.errors.jsonl`; `-` writes results to stdout. */
export function openBatchOutput(resultsPath: string, errorsPath: string): BatchOutput {
  const results = resultsPath === '-' ? undefined : openPartial(resultsPath);
  let errors: PartialFile | undefined;

  return {
    resultsPath,
    errorsPath,
    async write(result) {
      const line = `${outputLine(result)}\n`;
      if (result.status === 'failed') await (errors ??= openPartial(errorsPath)).write(line);
      else if (results) await results.write(line);
      else if (!process.stdout.write(line)) await once(process.stdout, 'drain');
    },
    async finish() {
      await results?.finish();
      await errors?.finish();
      return { hasErrors: errors !== undefined };
    },
  };
}

export function outputPaths(
  input: string,
  out: string | undefined,
  batchId: string,
): { results: string; errors: string } {
  const stem = input === '-' ? `sluice-${batchId}` : input.replace(/\.(jsonl|ndjson|json)$/, '');
  const results = out ?? (input === '-' ? '-' : `${stem}.results.jsonl`);
  const base = results === '-' ? stem : results.replace(/(\.results)?\.(jsonl|ndjson|json)$/, '');
  return { results, errors: `${base}.errors.jsonl` };
}

type PartialFile = { write(text: string): Promise<void>; finish(): Promise<void> };

function openPartial(path: string): PartialFile {
  const partial = `${path}.partial`;
  const stream: WriteStream = createWriteStream(partial);
  let failure: InputError | undefined;
  stream.on('error', (error) => {
    failure = new InputError(
      `cannot write ${path}: ${reasonOf(error)}; the results are kept, "sluice batch results" writes them`,
    );
  });
  return {
    async write(text) {
      if (failure) throw failure;
      if (!stream.write(text)) await Promise.race([once(stream, 'drain'), once(stream, 'close')]);
    },
    async finish() {
      stream.end();
      if (!stream.closed) await once(stream, 'close');
      if (failure) throw failure;
      await rename(partial, path);
    },
  };
}
