import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { usdToNanos } from '../domain/money.ts';
import { type BatchSummary, createSummary } from '../domain/summary.ts';
import { modelsOfRows } from '../gateway/row-models.ts';
import {
  Batches,
  inspectRows,
  problemsOfDefaults,
  readRows,
  type RowDefaults,
  type RowOptions,
} from '../producer/index.ts';
import { createRouter } from '../router/index.ts';
import type { BatchStatus } from '../store/batches.ts';
import { isRedisFailure } from '../store/redis.ts';
import type { BatchInput } from './batch-input.ts';
import type { BatchOutput } from './batch-output.ts';
import { parkedLines } from './batch-status.ts';
import type { Context } from './context.ts';
import { SLUICE } from './invocation.ts';
import type { ProgressView } from './progress.ts';

export type SubmitOptions = {
  id?: string;
  name?: string;
  lane: string;
  defaults: RowDefaults;
  anyModel: boolean;
  skipInvalid: boolean;
  maxTotalUsd?: number;
  onExhausted?: 'reject' | 'pause';
};

const POLL_MS = 200;
const REDIS_RETRY_MS = 500;
const REDIS_MAY_BE_GONE_MS = 30_000;
const STILL_AFTER_MS = 10_000;

/** Checks the whole input, then enqueues it. Bad lines refuse the batch, unless they may be set aside. */
export async function submitBatch(
  context: Context,
  config: Config,
  batches: Batches,
  input: BatchInput,
  options: SubmitOptions,
): Promise<{ id: string; isNew: boolean; total: number; invalid: number }> {
  const rows: RowOptions = {
    intake: { config, lane: options.lane, now: Date.now },
    defaults: options.defaults,
    anyModel: options.anyModel,
    modelOf: modelsOfRows(config),
  };
  const badFlags = problemsOfDefaults({ ...options.defaults, lane: options.lane }, rows);
  if (badFlags.length > 0) throw new InputError(badFlags);
  const { total, digest, invalid } = await inspectRows(input.lines(), input.name, rows);
  if (invalid.count > 0 && !options.skipInvalid) {
    throw new InputError([
      ...invalid.problems,
      invalid.count === 1
        ? '1 bad line, nothing was enqueued; mend it, or set it aside with --skip-invalid'
        : `${invalid.count} bad lines, nothing was enqueued; mend them, or set them aside with --skip-invalid`,
    ]);
  }
  for (const problem of invalid.problems) context.note(`set aside: ${problem}`);
  if (total === 0) throw new InputError(`${input.name}: no jobs found`);
  const submitted = await batches.submit({
    digest,
    total,
    lane: options.lane,
    rows: readRows(input.lines(), invalid.lines, rows),
    ...(options.id === undefined ? {} : { id: options.id }),
    name: options.name ?? input.name,
    ...(options.maxTotalUsd === undefined ? {} : { maxTotalNanos: usdToNanos(options.maxTotalUsd) }),
    ...(options.onExhausted === undefined ? {} : { onExhausted: options.onExhausted }),
  });
  return { ...submitted, total, invalid: invalid.count };
}

/** Shows how the batch goes until it has ended or is paused, or until the signal says to look away. */
export async function watchBatch(
  batches: Batches,
  id: string,
  view: ProgressView,
  signal: AbortSignal,
): Promise<BatchStatus> {
  let status = await batches.status(id);
  let movedAt = Date.now();
  while (!hasEnded(status) && status.state !== 'paused' && !signal.aborted) {
    view.show(status);
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    const next = await statusInTime(batches, id, view, signal);
    if (next.attempts + next.completed + next.failed > status.attempts + status.completed + status.failed)
      movedAt = Date.now();
    else if (Date.now() - movedAt > STILL_AFTER_MS) {
      for (const line of await reasonsToWait(batches, next)) view.note(line);
      movedAt = Number.POSITIVE_INFINITY;
    }
    status = next;
  }
  view.end(status);
  return status;
}

/** Why nothing moves, as far as it is known. */
async function reasonsToWait(batches: Batches, { id, attempts }: BatchStatus): Promise<string[]> {
  const parked = parkedLines(await batches.parked(id).catch(() => new Map<string, number>()));
  if (parked.length > 0 || attempts > 0) return parked;
  return [`no row was started yet: others come first, or no worker is running (${SLUICE} worker)`];
}

/** A Redis that restarts is gone for moments, and the workers wait for it: so does who watches. */
async function statusInTime(
  batches: Batches,
  id: string,
  view: ProgressView,
  signal: AbortSignal,
): Promise<BatchStatus> {
  const giveUpAt = Date.now() + REDIS_MAY_BE_GONE_MS;
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await batches.status(id);
    } catch (error) {
      if (!isRedisFailure(error) || signal.aborted || Date.now() > giveUpAt) throw error;
      if (isFirst) view.note('Redis does not answer; waiting for it');
      await sleep(REDIS_RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}

function hasEnded(status: BatchStatus): boolean {
  return status.completed + status.failed >= status.total;
}

/** Reads the batch's results once: into the files, and into the summary. */
export async function collectResults(
  config: Config,
  batches: Batches,
  id: string,
  output: BatchOutput | undefined,
): Promise<BatchSummary> {
  const summary = createSummary(createRouter(config).catalog.models);
  for await (const page of batches.results(id)) {
    for (const { result } of page) {
      summary.add(result);
      if (result) await output?.write(result);
    }
  }
  return summary.summary();
}
