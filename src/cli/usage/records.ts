import type { Redis } from 'ioredis';
import { formatUsd } from '../../domain/money.ts';
import type { UsageRecord } from '../../domain/usage.ts';
import { readRedisTime } from '../../store/redis-clock.ts';
import type { UsageEntry, UsageStream } from '../../store/usage-stream.ts';
import type { Context } from '../context.ts';
import { formatLatency, formatTime } from '../format.ts';
import { waitForStop } from '../processes.ts';
import { printable } from '../table.ts';

export type RecordsQuestion = { sinceMs: number | undefined; batch: string | undefined; asJson: boolean };

/** Prints the records that the stream has; returns how many. */
export async function printRecords(context: Context, stream: UsageStream, question: RecordsQuestion): Promise<number> {
  let count = 0;
  for await (const page of stream.read(rangeOf(question))) count += await printPage(page, context, question);
  return count;
}

/** What was there since `sinceMs`, then what comes, until Ctrl-C. */
export async function followRecords(
  context: Context,
  stream: UsageStream,
  redis: Redis,
  question: RecordsQuestion,
): Promise<void> {
  const stopping = new AbortController();
  void abortOnStop(stopping, redis);
  // An id of Redis' own clock and not `$`, which each read would take anew, missing what came between two of them.
  let lastId = await idOfNow(redis);
  context.note('waiting for calls; Ctrl-C ends');
  try {
    if (question.sinceMs !== undefined) {
      for await (const page of stream.read(rangeOf(question))) {
        await printPage(page, context, question);
        lastId = page.at(-1)?.id ?? lastId;
      }
    }
    for await (const page of stream.follow(stopping.signal, lastId)) await printPage(page, context, question);
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  }
}

async function abortOnStop(stopping: AbortController, redis: Redis): Promise<void> {
  await waitForStop();
  stopping.abort();
  // The read that waits for more ends with its connection.
  redis.disconnect();
}

async function idOfNow(redis: Redis): Promise<string> {
  return `${Math.floor(await readRedisTime(redis))}-0`;
}

async function printPage(page: readonly UsageEntry[], context: Context, question: RecordsQuestion): Promise<number> {
  let count = 0;
  for (const { record } of page) {
    if (question.batch !== undefined && record.batch_id !== question.batch) continue;
    context.print(question.asJson ? JSON.stringify(record) : describeRecord(record));
    count += 1;
  }
  // A reader that is slower than Redis must not make this process hold the stream.
  if (process.stdout.writableNeedDrain) await new Promise((resolve) => process.stdout.once('drain', resolve));
  return count;
}

function describeRecord(record: UsageRecord): string {
  // What has a width of its own comes last: lines that are not known yet cannot be aligned with it.
  const parts = [
    formatTime(record.at),
    record.outcome.padEnd(11),
    formatUsd(record.cost_nanos).padStart(10),
    formatLatency(record.latency_ms).padStart(8),
    record.model,
    record.task ?? '-',
    record.error_code ?? `${record.input_tokens} in, ${record.output_tokens} out`,
    record.row_id ?? record.job_id,
  ];
  return printable(parts.join('  '));
}

function rangeOf({ sinceMs }: RecordsQuestion): { sinceMs?: number } {
  return sinceMs === undefined ? {} : { sinceMs };
}
