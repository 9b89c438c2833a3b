import { usdToNanos } from '../../domain/money.ts';
import { type Batches, type Line, readLines } from '../../producer/index.ts';
import type { BatchStatus } from '../../store/batches.ts';
import {
  type BatchOrder,
  batchIdOf,
  type OrderEnd,
  type OrderProgress,
  type StoredOrder,
} from '../../store/batch-orders.ts';
import type { StoredFile } from '../../store/file-index.ts';
import type { FileStore } from '../../store/files.ts';
import type { OrderDriving } from '../../store/order-driving.ts';
import type { GatewayTools } from '../tools.ts';
import { checkInput, readJobs } from './input.ts';
import { createLineReader } from './line-reader.ts';
import { type Output, writeOutput } from './output.ts';
import { inSlices, inTurns } from './turns.ts';
import { webhookOf } from './webhook-event.ts';

/** An order in the hands of a driver. */
export type Drive = {
  order: BatchOrder;
  cancellingAt: number | undefined;
  /** Who drives it: nothing is written once somebody else does. */
  driver: string;
  /** Fires when the work on it is to stop, in the middle of a step, too. */
  signal: AbortSignal;
};

export type StepTools = Pick<GatewayTools, 'batches' | 'config' | 'now'> & { driving: OrderDriving; files: FileStore };

/** Thrown when another gateway drives the order by now. */
export class NoLongerOurs extends Error {}

/**
 * The next step of an order's life; undefined when there is nothing to do for now. Each step can be repeated: rows that
 * were enqueued are not enqueued again, files that were written are replaced.
 */
export async function takeStep(
  tools: StepTools,
  drive: Drive,
  progress: OrderProgress,
): Promise<OrderProgress | undefined> {
  switch (progress.stage) {
    case 'validating':
      return validate(tools, drive, progress);
    case 'enqueueing':
      return enqueue(tools, drive, progress);
    case 'running':
      return watch(tools, drive, progress);
    case 'finalizing':
      return finalize(tools, drive, progress);
    default:
      return undefined;
  }
}

/** Whether a step would find something to do. */
export async function isStepDue(
  { batches, now }: StepTools,
  { order, progress, cancellingAt }: StoredOrder,
): Promise<boolean> {
  if (progress.stage !== 'running' || progress.ranOutAt !== undefined) return true;
  if (cancellingAt !== undefined || now() >= order.expiresAt) return true;
  const status = await statusOf(batches, order);
  return !status || hasEnded(status);
}

async function validate(tools: StepTools, drive: Drive, progress: OrderProgress): Promise<OrderProgress> {
  const { config, now } = tools;
  const { order } = drive;
  if (drive.cancellingAt !== undefined) return end(tools, drive, 'cancelled', progress);
  const input = await findInput(tools, order);
  if (!input) return end(tools, drive, 'failed', { ...progress, ...inputIsGone(order) });
  const lines = untilAborted(linesOf(tools, input), drive.signal);
  const checked = await checkInput(lines, createLineReader(order, config, now), config.gateway.batches.most_requests);
  if (!checked.ok) {
    return end(tools, drive, 'failed', { ...progress, errors: checked.errors, errorCount: checked.count });
  }
  const { total, digest } = checked;
  return advance(tools, drive, { ...progress, stage: 'enqueueing', total, digest, inProgressAt: now() });
}

async function enqueue(tools: StepTools, drive: Drive, progress: OrderProgress): Promise<OrderProgress> {
  const { batches, config, now } = tools;
  const { order, signal, cancellingAt } = drive;
  const isOutOfTime = cancellingAt === undefined && now() >= order.expiresAt;
  if (isOutOfTime || cancellingAt !== undefined) {
    const stopped: OrderProgress = isOutOfTime ? { ...progress, ranOutAt: now() } : progress;
    // With rows in the queue it is called off like any other.
    if (await statusOf(batches, order)) return advance(tools, drive, { ...stopped, stage: 'running' });
    return end(tools, drive, isOutOfTime ? 'expired' : 'cancelled', stopped);
  }
  const input = await findInput(tools, order);
  if (!input) return end(tools, drive, 'failed', { ...progress, ...inputIsGone(order) });
  const { maxTotalUsd } = order;
  await batches.submit({
    id: batchIdOf(order.id),
    name: order.metadata?.['name'] ?? order.endpoint,
    digest: progress.digest ?? '',
    total: progress.total ?? 0,
    lane: order.lane,
    rows: readJobs(linesOf(tools, input), createLineReader(order, config, now), signal),
    ...(maxTotalUsd === undefined ? {} : { maxTotalNanos: usdToNanos(maxTotalUsd) }),
  });
  return advance(tools, drive, { ...progress, stage: 'running' });
}

async function watch(tools: StepTools, drive: Drive, progress: OrderProgress): Promise<OrderProgress | undefined> {
  const { batches, now } = tools;
  const { order, cancellingAt, signal } = drive;
  const status = await statusOf(batches, order);
  if (!status) return end(tools, drive, 'failed', { ...progress, ...batchIsGone(order) });
  if (hasEnded(status)) return advance(tools, drive, { ...progress, stage: 'finalizing', finalizingAt: now() });
  if (progress.ranOutAt !== undefined || cancellingAt !== undefined) {
    await batches.cancel(batchIdOf(order.id), signal);
    const after = await statusOf(batches, order);
    return after && hasEnded(after) ? progress : undefined;
  }
  return now() >= order.expiresAt ? advance(tools, drive, { ...progress, ranOutAt: now() }) : undefined;
}

async function finalize(tools: StepTools, drive: Drive, progress: OrderProgress): Promise<OrderProgress> {
  const { batches, files } = tools;
  const { order, signal } = drive;
  const input = await findInput(tools, order);
  if (!input) return end(tools, drive, 'failed', { ...progress, ...inputIsGone(order) });
  const output = await writeOutput({
    order,
    lines: linesOf(tools, input),
    results: batches.results(batchIdOf(order.id)),
    files,
    hasRunOut: progress.ranOutAt !== undefined,
    signal,
  });
  const costNanos = (await statusOf(batches, order))?.costNanos ?? 0;
  return end(tools, drive, endOf(drive, progress, output), { ...progress, ...factsOf(output, costNanos) });
}

async function advance({ driving }: StepTools, drive: Drive, progress: OrderProgress): Promise<OrderProgress> {
  if (await driving.advance(drive.order.id, drive.driver, progress)) return progress;
  throw new NoLongerOurs();
}

async function end(
  { driving, now }: StepTools,
  { order, driver }: Drive,
  stage: OrderEnd,
  facts: OrderProgress,
): Promise<OrderProgress> {
  const progress: OrderProgress = { ...facts, stage, endedAt: now() };
  if (await driving.end(order, driver, progress, webhookOf(order, stage, now()))) return progress;
  throw new NoLongerOurs();
}

async function statusOf(batches: Batches, { id }: BatchOrder): Promise<BatchStatus | undefined> {
  return batches.find(batchIdOf(id));
}

function hasEnded({ completed, failed, total }: BatchStatus): boolean {
  return completed + failed >= total;
}

function linesOf({ files }: StepTools, input: StoredFile): AsyncGenerator<Line> {
  return inTurns(readLines(inSlices(files.content(input))));
}

async function* untilAborted(lines: AsyncIterable<Line>, signal: AbortSignal): AsyncGenerator<Line> {
  for await (const line of lines) {
    signal.throwIfAborted();
    yield line;
  }
}

/** It may have expired since it was handed in; it is there for as long as the order reads it. */
async function findInput({ files }: StepTools, { inputFileId, account }: BatchOrder): Promise<StoredFile | undefined> {
  return files.findKept(inputFileId, account);
}

type Failure = Pick<OrderProgress, 'errors' | 'errorCount'>;

function inputIsGone({ inputFileId }: BatchOrder): Failure {
  const message = `the input file ${inputFileId} is gone`;
  return { errors: [{ code: 'input_file_gone', message, param: 'input_file_id', line: null }], errorCount: 1 };
}

function batchIsGone({ id }: BatchOrder): Failure {
  const message = `what is known of the rows of ${id} is gone`;
  return { errors: [{ code: 'batch_gone', message, param: null, line: null }], errorCount: 1 };
}

/** Rows may have been called off on the command line, and their time may have run out with no gateway there. */
function endOf(drive: Drive, progress: OrderProgress, output: Output): OrderEnd {
  if (drive.cancellingAt !== undefined) return 'cancelled';
  if (progress.ranOutAt !== undefined || output.expired > 0) return 'expired';
  return output.cancelled > 0 ? 'cancelled' : 'completed';
}

function factsOf({ completed, failed, usage, output, errors }: Output, costNanos: number): Partial<OrderProgress> {
  return {
    completed,
    failed,
    usage: { ...usage, cost_nanos: costNanos },
    outputBytes: (output?.bytes ?? 0) + (errors?.bytes ?? 0),
    ...(output ? { outputFileId: output.id } : {}),
    ...(errors ? { errorFileId: errors.id } : {}),
  };
}
