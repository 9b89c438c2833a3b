import { createHash } from 'node:crypto';
import { formatProblem } from '../domain/issues.ts';
import type { QueuedJob } from '../domain/job.ts';
import type { Line } from './lines.ts';
import { type RowOptions, parseRow } from './rows.ts';
import { SeenIds } from './seen-ids.ts';

/** Bad lines are all counted; of so many the problems are told. */
const PROBLEMS_TOLD = 20;

export type Inspection = {
  /** Good rows. */
  total: number;
  /** Of the good rows' texts and of the options that shape them. */
  digest: string;
  /** Bad lines: how many, their numbers, and what is wrong with the first of them. */
  invalid: { count: number; lines: ReadonlySet<number>; problems: string[] };
};

/** Reads all lines once, before anything is enqueued: how many rows there are, and everything that is wrong with them. */
export async function inspectRows(lines: AsyncIterable<Line>, name: string, options: RowOptions): Promise<Inspection> {
  const hash = createHash('sha256').update(JSON.stringify([options.defaults, options.anyModel]));
  const seen = new SeenIds();
  const bad = new Set<number>();
  const problems: string[] = [];
  let total = 0;
  for await (const line of lines) {
    const wrong = problemsOfLine(line, options, seen);
    if (wrong.length === 0) {
      total += 1;
      if ('text' in line) hash.update(line.text).update('\n');
      continue;
    }
    bad.add(line.number);
    if (bad.size <= PROBLEMS_TOLD) problems.push(...wrong.map((problem) => `${name}:${line.number}: ${problem}`));
  }
  if (bad.size > PROBLEMS_TOLD) problems.push(`${name}: and ${bad.size - PROBLEMS_TOLD} more bad lines`);
  return { total, digest: hash.digest('hex'), invalid: { count: bad.size, lines: bad, problems } };
}

function problemsOfLine(line: Line, options: RowOptions, seen: SeenIds): string[] {
  if ('problem' in line) return [line.problem];
  const row = parseRow(line.text, line.number, options);
  if (!row.ok) return row.problems.map(formatProblem);
  const id = row.job.id ?? '';
  const earlier = seen.note(id, line.number);
  if (earlier === undefined) return [];
  return [`id ${JSON.stringify(id.slice(0, 40))} already used on line ${earlier}`];
}

/** The good rows as jobs, in the order of the file; `skipped` are the lines that an inspection found bad. */
export async function* readRows(
  lines: AsyncIterable<Line>,
  skipped: ReadonlySet<number>,
  options: RowOptions,
): AsyncGenerator<QueuedJob> {
  for await (const line of lines) {
    if (skipped.has(line.number) || 'problem' in line) continue;
    const row = parseRow(line.text, line.number, options);
    if (row.ok) yield row.job;
  }
}
