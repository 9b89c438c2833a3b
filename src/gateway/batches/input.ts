import { createHash } from 'node:crypto';
import type { QueuedJob } from '../../domain/job.ts';
import { type Line, SeenIds } from '../../producer/index.ts';
import type { OrderError } from '../../store/batch-orders.ts';
import type { LineReader } from './line-reader.ts';

/** All errors are counted; so many are told. */
const ERRORS_TOLD = 100;

export type InputCheck =
  | { ok: true; total: number; digest: string }
  /** The first errors, and how many there are. */
  | { ok: false; errors: OrderError[]; count: number };

/** Reads the whole input before anything is enqueued; one bad line refuses all. */
export async function checkInput(
  lines: AsyncIterable<Line>,
  readLine: LineReader,
  mostRequests: number,
): Promise<InputCheck> {
  const hash = createHash('sha256');
  const seen = new SeenIds();
  const errors: OrderError[] = [];
  let [count, total] = [0, 0];
  const tell = (error: OrderError): void => {
    count += 1;
    if (errors.length < ERRORS_TOLD) errors.push(error);
  };
  for await (const line of lines) {
    total += 1;
    if (total > mostRequests) {
      const message = `more than ${mostRequests} requests; split the file`;
      return { ok: false, errors: [{ code: 'too_many_tasks', message, param: null, line: line.number }], count: 1 };
    }
    const read = readLine(line);
    if (!read.ok) read.errors.forEach(tell);
    else {
      const earlier = seen.note(read.job.id ?? '', line.number);
      if (earlier !== undefined) tell(usedBefore(line.number, earlier));
    }
    if ('text' in line) hash.update(line.text).update('\n');
  }
  if (total === 0) tell({ code: 'empty_file', message: 'the file has no requests', param: null, line: null });
  return count > 0 ? { ok: false, errors, count } : { ok: true, total, digest: hash.digest('hex') };
}

function usedBefore(line: number, earlier: number): OrderError {
  const message = `custom_id: used before on line ${earlier}`;
  return { code: 'duplicate_custom_id', message, param: 'custom_id', line };
}

/** The jobs of an input that was found right. Reading ends with the signal's reason once that fires. */
export async function* readJobs(
  lines: AsyncIterable<Line>,
  readLine: LineReader,
  signal: AbortSignal,
): AsyncGenerator<QueuedJob> {
  for await (const line of lines) {
    signal.throwIfAborted();
    const read = readLine(line);
    if (!read.ok) throw new Error(`line ${line.number} was right before, and is not any more`);
    yield read.job;
  }
}
