import { z } from 'zod';
import { FeedbackDetails, Score } from '../domain/feedback.ts';
import { check, formatProblem } from '../domain/issues.ts';
import type { FeedbackDesk, FeedbackReply, ScoredJob } from './feedback.ts';
import type { FindRow } from './feedback-rows.ts';
import type { Line } from './lines.ts';
import { parseJson } from './rows.ts';

const Id = z.string().min(1).max(256);

/** A score in a file: of a job by its id, or of a row of a batch by the row's own. */
const FeedbackLine = FeedbackDetails.extend({
  job_id: Id.optional(),
  id: Id.optional(),
  batch: Id.optional(),
  score: Score,
}).refine(
  ({ job_id: jobId, id, batch }) =>
    jobId === undefined ? id !== undefined && batch !== undefined : id === undefined && batch === undefined,
  'name the job: with job_id, or with id and batch',
);

/** What became of a line. */
export type FeedbackOnLine = { line: number; reply: FeedbackReply };

type Tools = {
  desk: FeedbackDesk;
  findRow: FindRow;
  /** For lines that do not say. */
  defaults: { source?: string; batch?: string };
};

const CHUNK = 200;

/** In Sluice's own output lines, in front of the job's id. */
const OUTPUT_ID_PREFIX = 'batch_req_';

/** Gives the scores as they are read, and says what became of each line, in their order. A bad one stops nothing. */
export async function* giveLines(lines: AsyncIterable<Line>, tools: Tools): AsyncGenerator<FeedbackOnLine[]> {
  let chunk: Line[] = [];
  for await (const line of lines) {
    chunk.push(line);
    if (chunk.length < CHUNK) continue;
    yield await giveChunk(chunk, tools);
    chunk = [];
  }
  if (chunk.length > 0) yield await giveChunk(chunk, tools);
}

async function giveChunk(lines: readonly Line[], tools: Tools): Promise<FeedbackOnLine[]> {
  const read: (ScoredJob | { refused: string })[] = [];
  // One after the other: looking for the first row of a batch makes all others known.
  for (const line of lines) read.push(await readLine(line, tools));
  const scored = read.filter((entry) => 'jobId' in entry);
  const replies = (await tools.desk.giveAll(scored)).values();
  return lines.map(({ number }, index) => {
    const entry = read[index] ?? { refused: 'not read' };
    return { line: number, reply: 'refused' in entry ? entry : (replies.next().value ?? { refused: 'not given' }) };
  });
}

async function readLine(line: Line, { findRow, defaults }: Tools): Promise<ScoredJob | { refused: string }> {
  if ('problem' in line) return { refused: line.problem };
  const parsed = parseJson(line.text);
  const checked = parsed.ok ? check(FeedbackLine, withDefaults(parsed.value, defaults)) : parsed;
  if (!checked.ok) return { refused: checked.problems.map(formatProblem).join('; ') };
  const { job_id: jobId, id, batch, ...scored } = checked.value;
  if (jobId !== undefined) return { jobId: withoutPrefix(jobId), ...scored };
  const found = await findRow(batch ?? '', id ?? '');
  return 'refused' in found ? found : { jobId: found.jobId, ...scored };
}

function withDefaults(value: unknown, { source, batch }: Tools['defaults']): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return {
    ...(source === undefined ? {} : { source }),
    ...(batch === undefined || 'job_id' in value ? {} : { batch }),
    ...value,
  };
}

function withoutPrefix(id: string): string {
  return id.startsWith(OUTPUT_ID_PREFIX) ? id.slice(OUTPUT_ID_PREFIX.length) : id;
}
