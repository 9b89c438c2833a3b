import { createReadStream } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { reasonOf } from '../../config/text-file.ts';
import { InputError } from '../../domain/errors.ts';
import { type FeedbackDesk, type FeedbackOutcome, checkScore, createFeedbackDesk } from '../../producer/feedback.ts';
import { giveLines } from '../../producer/feedback-lines.ts';
import { type FindRow, createRowFinder } from '../../producer/feedback-rows.ts';
import { type Line, readLines } from '../../producer/index.ts';
import { Queues } from '../../producer/queues.ts';
import { createBatchStore } from '../../store/batches.ts';
import { createKeys } from '../../store/keys.ts';
import { createLedger } from '../../store/ledger.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { EXIT } from '../failure.ts';
import { formatCount, plural } from '../format.ts';
import { SLUICE, asTyped } from '../invocation.ts';
import { openRedis } from '../redis.ts';
import { printable } from '../table.ts';

type Flags = { file?: string; batch?: string; source?: string; comment?: string; json?: boolean };
type Desk = { context: Context; desk: FeedbackDesk; findRow: FindRow };

/** Of so many bad lines it is told what is wrong with them. */
const PROBLEMS_TOLD = 20;

export const feedbackCommand = new Command('feedback')
  .description('say how good an answer is, so that the router learns from it')
  .argument('[job]', "a finished job's id; with --batch a row's own")
  .argument('[score]', 'from 0 (of no use) to 1', parseScore)
  .option('--file <jsonl>', 'many scores, one a line; - for stdin')
  .option('--batch <id>', 'the batch that the rows are of')
  .option('--source <name>', 'who or what gives the score (default: feedback)')
  .option('--comment <text>', 'kept with the score')
  .option('--json', 'print one JSON object')
  .addHelpText(
    'after',
    `
A line of a file: {"job_id": "...", "score": 0.5}, or {"id": "row", "batch": "...", "score": 1};
source and comment may be said, too. A job has one score from each source: another
one corrects it, the same again changes nothing, so that a file may be given twice.

Examples:
  $ ${SLUICE} feedback q-17 0.5 --batch b-7ccf3073a9581045 --source ada
  $ ${SLUICE} feedback --file scores.jsonl --source grader`,
  )
  .action(async (job: string | undefined, score: number | undefined, flags: Flags, command: Command) => {
    const context = contextOf(command);
    if (flags.file !== undefined) {
      if (job !== undefined) throw new InputError('give a job and its score, or --file; not both');
      if (flags.comment !== undefined)
        throw new InputError('--comment is for one job; in a file each line has its own');
      const lines = linesOf(flags.file);
      await withDesk(context, (desk) => giveFile(desk, lines, flags));
      return;
    }
    if (job === undefined || score === undefined) throw new InputError('give a job and its score, or --file');
    await withDesk(context, (desk) => giveOne(desk, job, score, flags));
  });

async function giveOne({ context, desk, findRow }: Desk, job: string, score: number, flags: Flags): Promise<void> {
  const { batch, source, comment } = flags;
  const found = batch === undefined ? { jobId: job } : await findRow(batch, job);
  if ('refused' in found) throw new InputError(found.refused);
  const details = { ...(source === undefined ? {} : { source }), ...(comment === undefined ? {} : { comment }) };
  const outcome = await desk.give(checkScore(found.jobId, score, details));
  if (flags.json) context.print(JSON.stringify({ job_id: found.jobId, outcome }));
  else context.note(printable(`${job}: ${WORDS[outcome]}`));
}

const WORDS: Record<FeedbackOutcome, string> = {
  counted: 'score counted',
  corrected: 'score corrected',
  unchanged: 'had this score already; nothing was changed',
  cached: 'its answer is from the cache and is scored with the job that it is from; nothing was counted',
};

async function giveFile({ context, desk, findRow }: Desk, lines: AsyncIterable<Line>, flags: Flags): Promise<void> {
  const { file = '-', batch, source, json } = flags;
  const name = file === '-' ? 'stdin' : file;
  const defaults = { ...(source === undefined ? {} : { source }), ...(batch === undefined ? {} : { batch }) };
  const counts = { counted: 0, corrected: 0, unchanged: 0, cached: 0, refused: 0 };
  for await (const replies of giveLines(lines, { desk, findRow, defaults })) {
    for (const { line, reply } of replies) {
      counts[typeof reply === 'object' ? 'refused' : reply] += 1;
      if (typeof reply === 'string') continue;
      if (counts.refused <= PROBLEMS_TOLD) context.note(printable(asTyped(`${name}:${line}: ${reply.refused}`)));
    }
  }
  if (counts.refused > PROBLEMS_TOLD) {
    context.note(`${name}: and ${plural(counts.refused - PROBLEMS_TOLD, 'more bad line')}`);
  }
  if (json) context.print(JSON.stringify(counts));
  else context.note(describe(counts));
  if (counts.refused > 0) process.exitCode = EXIT.someFailed;
}

function describe(counts: Record<FeedbackOutcome | 'refused', number>): string {
  const { counted, corrected, unchanged, cached, refused } = counts;
  const parts = [
    `${plural(counted, 'score')} counted`,
    ...(corrected > 0 ? [`${formatCount(corrected)} corrected`] : []),
    ...(unchanged > 0 ? [`${formatCount(unchanged)} known already`] : []),
    ...(cached > 0 ? [`${formatCount(cached)} left out whose answers are from the cache`] : []),
    ...(refused > 0 ? [`${formatCount(refused)} refused`] : []),
  ];
  return parts.join(', ');
}

async function* linesOf(file: string): AsyncGenerator<Line> {
  if (file === '-' && process.stdin.isTTY) throw new InputError('nothing on stdin: pipe a JSONL file in, or name one');
  const input = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 18 });
  try {
    yield* readLines(input as AsyncIterable<Buffer>);
  } catch (error) {
    // What was read before is counted, and giving it again changes nothing.
    throw error instanceof Error && 'code' in error && 'syscall' in error
      ? new InputError(`cannot read ${file}: ${reasonOf(error)}`)
      : error;
  }
}

function parseScore(text: string): number {
  const score = /^\d*\.?\d+(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (score >= 0 && score <= 1) return score;
  throw new InvalidArgumentError('Give a number from 0 (of no use) to 1.');
}

async function withDesk(context: Context, use: (desk: Desk) => Promise<void>): Promise<void> {
  const config = requireConfigWithoutKeys(context);
  const opened = await openRedis(context, config.redis.url);
  const { redis } = opened;
  const keys = createKeys(config.redis.prefix);
  const resultTtlMs = config.results.keep;
  const queues = new Queues(redis, config);
  const batches = createBatchStore(redis, keys, { ttlMs: resultTtlMs });
  const findRow = createRowFinder({ batches, ledger: createLedger(redis, keys, { resultTtlMs }) });
  try {
    await use({ context, desk: createFeedbackDesk({ redis, config, queues }), findRow });
  } finally {
    await queues.close();
    await opened.close();
  }
}
