import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { GatewayError, InputError } from '../domain/errors.ts';
import type { QueuedJob } from '../domain/job.ts';
import { nanosToUsd } from '../domain/money.ts';
import type { AttemptSummary, FailedResult, JobResult } from '../domain/result.ts';
import {
  type BatchManifest,
  type BatchStatus,
  type BatchStore,
  checkBatchId,
  createBatchStore,
} from '../store/batches.ts';
import { createKeys } from '../store/keys.ts';
import { type Ledger, createLedger } from '../store/ledger.ts';
import { type RedisTarget, connect } from '../store/redis.ts';
import { enqueueInChunks } from './chunks.ts';
import { type QueueEntry, Queues } from './queues.ts';

export type BatchRequest = {
  /** Letters, digits and `-`; without it the id follows from the content, so that the same file is the same batch. */
  id?: string;
  name?: string;
  digest: string;
  total: number;
  lane: string;
  /** What all rows together may cost, in nano-dollars: reserved before each call, so that it cannot be passed. */
  maxTotalNanos?: number;
  rows: AsyncIterable<QueuedJob>;
};

/** A result's place in its batch; `result` is missing for a row that has not ended. */
export type BatchRow = { row: number; result: JobResult | undefined };

const PAGE = 500;

/** Batches: submitted whole, run by workers anywhere, looked at and cancelled from anywhere. */
export class Batches {
  readonly #redis: Redis;
  readonly #queues: Queues;
  readonly #store: BatchStore;
  readonly #ledger: Ledger;
  readonly #resultTtlMs: number;

  constructor({ config, redis }: { config: Config; redis: RedisTarget }) {
    const keys = createKeys(config.redis.prefix);
    const ttlMs = config.results.keep;
    this.#resultTtlMs = ttlMs;
    this.#redis = connect(redis, { name: 'sluice:batches' });
    this.#queues = new Queues(this.#redis, config);
    this.#store = createBatchStore(this.#redis, keys, { ttlMs });
    this.#ledger = createLedger(this.#redis, keys, { resultTtlMs: ttlMs });
  }

  /**
   * Enqueues the rows. A batch that was submitted before is not run again; one whose submission was cut off goes on
   * where it stopped. Throws an InputError when the id cannot be one or stands for other rows, or when the source gives
   * others than it did when they were counted.
   */
  async submit(request: BatchRequest): Promise<{ id: string; isNew: boolean }> {
    const id = request.id ?? `b-${request.digest.slice(0, 16)}`;
    checkBatchId(id);
    const manifest = toManifest(id, request);
    const { created, enqueued } = await this.#store.register(manifest);
    if (enqueued >= manifest.total) return { id, isNew: created };
    if (created) await this.#queues.forgetEnded(this.#resultTtlMs);
    const added = await enqueueInChunks(
      toEntries(id, request, enqueued),
      (chunk) => this.#queues.add(chunk),
      (inTheQueue) => this.#store.markEnqueued(id, enqueued + inTheQueue),
    );
    if (enqueued + added !== manifest.total) {
      throw new InputError(
        `the rows changed while they were read: ${enqueued + added} instead of ${manifest.total} are enqueued; ` +
          `take them back with: sluice batch cancel ${id}`,
      );
    }
    return { id, isNew: created };
  }

  /** Where the batch stands; an InputError for an id that is not known (any more). */
  async status(id: string): Promise<BatchStatus> {
    const status = await this.#store.status(id);
    if (!status) throw new InputError(`no batch "${id}" here; sluice batch list shows those that there are`);
    return status;
  }

  async list(limit: number): Promise<BatchStatus[]> {
    return this.#store.list(limit);
  }

  /** The rows in their order, a page at a time. */
  async *results(id: string): AsyncGenerator<BatchRow[]> {
    const { total } = await this.status(id);
    for (let first = 0; first < total; first += PAGE) {
      const rows = Array.from({ length: Math.min(PAGE, total - first) }, (_, index) => first + index);
      const results = await this.#ledger.results(rows.map((row) => rowJobId(id, row)));
      yield rows.map((row, index) => ({ row, result: results[index] }));
    }
  }

  /**
   * Takes the batch's waiting rows out of the queue. What has ended keeps its result; calls under way are finished.
   * Returns how many rows were taken out.
   */
  async cancel(id: string): Promise<{ cancelled: number }> {
    const { state } = await this.status(id);
    if (state === 'finished') return { cancelled: 0 };
    await this.#store.markCancelled(id);
    let cancelled = 0;
    for await (const page of this.results(id)) {
      const open = page.filter((entry) => entry.result === undefined);
      const removed = await Promise.all(open.map(({ row }) => this.#cancelRow(id, row)));
      cancelled += removed.filter(Boolean).length;
    }
    return { cancelled };
  }

  async close(): Promise<void> {
    await this.#queues.close();
    this.#redis.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * False for a row whose call is under way: it ends by itself. The queue's entry stays until a worker comes to it and
   * finds the job ended: taking entries out of the middle of a long list would cost the square of its length.
   */
  async #cancelRow(batchId: string, row: number): Promise<boolean> {
    const jobId = rowJobId(batchId, row);
    const job = await this.#queues.find(jobId);
    let told = -1;
    for (;;) {
      const trail = await this.#ledger.trail(jobId);
      // It was refused, and no attempt has failed since the trail was read: a call is under way.
      if (trail.length === told) return false;
      told = trail.length;
      const result = cancelledResult(jobId, job, trail, Date.now());
      const standing = await this.#ledger.settle({ jobId, batchId, result, unlessCalling: true });
      if (standing) return standing.status === 'failed' && standing.error.code === 'CANCELLED';
    }
  }
}

export function rowJobId(batchId: string, row: number): string {
  return `${batchId}-${row}`;
}

function toManifest(id: string, request: BatchRequest): BatchManifest {
  return {
    id,
    digest: `${request.digest}:${request.maxTotalNanos ?? ''}:${request.lane}`,
    total: request.total,
    lane: request.lane,
    submittedAt: Date.now(),
    ...(request.name === undefined ? {} : { name: request.name }),
    ...(request.maxTotalNanos === undefined ? {} : { maxTotalNanos: request.maxTotalNanos }),
  };
}

async function* toEntries(batchId: string, request: BatchRequest, skip: number): AsyncGenerator<QueueEntry> {
  const { maxTotalNanos } = request;
  let row = -1;
  for await (const job of request.rows) {
    row += 1;
    if (row < skip) continue;
    const batch = {
      id: batchId,
      row,
      ...(maxTotalNanos === undefined ? {} : { max_total_usd: nanosToUsd(maxTotalNanos) }),
    };
    yield { id: rowJobId(batchId, row), job: { ...job, batch } };
  }
}

function cancelledResult(
  jobId: string,
  job: QueuedJob | undefined,
  attempts: AttemptSummary[],
  now: number,
): FailedResult {
  const error = new GatewayError('CANCELLED', 'the batch was cancelled before this row was run');
  return {
    v: 1,
    job_id: jobId,
    ...(job?.id === undefined ? {} : { row_id: job.id }),
    status: 'failed',
    task: job?.task ?? null,
    attempts,
    cost_nanos: attempts.reduce((sum, attempt) => sum + attempt.cost_nanos, 0),
    total_ms: job ? now - job.enqueued_at : 0,
    finished_at: now,
    error: { code: error.code, message: error.message },
  };
}
