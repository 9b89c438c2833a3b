import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { batchBudget } from '../domain/budget.ts';
import type { Config } from '../domain/config.ts';
import { GatewayError, InputError } from '../domain/errors.ts';
import type { QueuedJob } from '../domain/job.ts';
import { nanosToUsd } from '../domain/money.ts';
import type { JobResult } from '../domain/result.ts';
import { rowJobId } from '../domain/row-id.ts';
import {
  type BatchManifest,
  type BatchStatus,
  type BatchStore,
  checkBatchId,
  createBatchStore,
} from '../store/batches.ts';
import { announceCancellation } from '../store/cancellations.ts';
import { type Keys, createKeys } from '../store/keys.ts';
import { type Ledger, createLedger } from '../store/ledger.ts';
import { type Parking, createParking } from '../store/parking.ts';
import { createRedisClock } from '../store/redis-clock.ts';
import { type RedisTarget, connect } from '../store/redis.ts';
import { cancelJob } from './cancel-job.ts';
import { enqueueInChunks } from './chunks.ts';
import { countParkedRows, releaseParked, releaseRows } from './parked.ts';
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
  /** What becomes of rows for whom too little of it is left; `reject` without it. */
  onExhausted?: 'reject' | 'pause';
  rows: AsyncIterable<QueuedJob>;
};

/** A result's place in its batch; `result` is missing for a row that has not ended. */
export type BatchRow = { row: number; result: JobResult | undefined };

/** How many rows a cancellation ended. */
export type Cancellation = {
  /** Waiting rows that were taken out: no call was made for them. */
  cancelled: number;
  /** Rows whose call was under way, and was broken off. */
  brokenOff: number;
  /** Rows whose worker was not heard of in time: they end when it is, or when another takes them over. */
  underWay: number;
};

const PAGE = 500;
const BREAK_OFF_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 50;

/** Batches: submitted whole, run by workers anywhere, looked at and cancelled from anywhere. */
export class Batches {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #queues: Queues;
  readonly #store: BatchStore;
  readonly #ledger: Ledger;
  readonly #resultTtlMs: number;

  constructor({ config, redis }: { config: Config; redis: RedisTarget }) {
    const keys = createKeys(config.redis.prefix);
    const ttlMs = config.results.keep;
    this.#resultTtlMs = ttlMs;
    this.#keys = keys;
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
    const status = await this.find(id);
    if (!status) throw new InputError(`no batch "${id}" here; sluice batch list shows those that there are`);
    return status;
  }

  /** Likewise; undefined for an id that is not known (any more). */
  async find(id: string): Promise<BatchStatus | undefined> {
    return this.#store.status(id);
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
   * Ends the batch's rows: waiting ones are taken out of the queue, calls under way are broken off in whichever worker,
   * and waited for, a few seconds at the most. What has ended keeps its result. Throws the signal's reason once that
   * fires; done again, it goes on.
   */
  async cancel(id: string, signal?: AbortSignal): Promise<Cancellation> {
    const counts = { cancelled: 0, brokenOff: 0 };
    const { state } = await this.status(id);
    if (state === 'finished') return { ...counts, underWay: 0 };
    await this.#store.markCancelled(id);
    await announceCancellation(this.#redis, this.#keys, { batchId: id });
    const underWay: string[] = [];
    for await (const page of this.results(id)) {
      signal?.throwIfAborted();
      // When it had been cancelled before, what had ended was counted then.
      if (state !== 'cancelled') for (const { result } of page) if (result) count(result, counts);
      const open = page.filter(({ result }) => result === undefined);
      const endings = await Promise.all(open.map(({ row }) => this.#cancelRow(id, row)));
      for (const [index, { row }] of open.entries()) {
        const ending = endings[index];
        if (ending) count(ending, counts);
        else underWay.push(rowJobId(id, row));
      }
    }
    await releaseRows(id, this.#parking(), this.#queues);
    const left = await this.#waitForEnds(underWay, counts);
    return { ...counts, underWay: left };
  }

  /**
   * Has the rows of a paused batch go on. Whether there is money for them by now the ledger says: a batch whose budget is
   * still spent is paused again. `released` are the rows that were waiting for it.
   */
  async resume(id: string): Promise<{ wasPaused: boolean; released: number }> {
    await this.status(id);
    // By the clock that workers tell the time of their calls by: one that is ahead would keep the batch from being paused.
    const clock = createRedisClock(this.#redis);
    await clock.read();
    const wasPaused = await this.#store.resume(id, clock.now());
    return { wasPaused, released: await releaseParked([batchBudget(id)], this.#parking(), this.#queues) };
  }

  /** Which budgets rows of it wait for, and how many rows each; by purse, as in `sluice budget list`. */
  async parked(id: string): Promise<Map<string, number>> {
    return countParkedRows(id, this.#parking(), Date.now());
  }

  #parking(): Parking {
    return createParking(this.#redis, this.#keys, { resultTtlMs: this.#resultTtlMs });
  }

  async close(): Promise<void> {
    await this.#queues.close();
    this.#redis.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** How the row has ended; undefined when its call is under way. */
  async #cancelRow(batchId: string, row: number): Promise<JobResult | undefined> {
    const jobId = rowJobId(batchId, row);
    const error = new GatewayError('CANCELLED', 'the batch was cancelled before this row was run');
    return cancelJob(this.#ledger, { jobId, batchId, job: await this.#queues.find(jobId), error });
  }

  /** Counts how these jobs end; returns how many have not ended in time. */
  async #waitForEnds(jobIds: readonly string[], counts: Counts): Promise<number> {
    const deadline = performance.now() + BREAK_OFF_WITHIN_MS;
    let open = [...jobIds];
    while (open.length > 0 && performance.now() < deadline) {
      const results = await this.#ledger.results(open);
      for (const result of results) if (result) count(result, counts);
      open = open.filter((_, index) => results[index] === undefined);
      if (open.length > 0) await sleep(LOOK_EVERY_MS);
    }
    return open.length;
  }
}

type Counts = Pick<Cancellation, 'cancelled' | 'brokenOff'>;

function count(result: JobResult, counts: Counts): void {
  if (result.status !== 'failed' || result.error.code !== 'CANCELLED') return;
  if (result.attempts.at(-1)?.error_code === 'CANCELLED') counts.brokenOff += 1;
  else counts.cancelled += 1;
}

function toManifest(id: string, request: BatchRequest): BatchManifest {
  return {
    id,
    digest: digestOf(request),
    total: request.total,
    lane: request.lane,
    submittedAt: Date.now(),
    ...(request.name === undefined ? {} : { name: request.name }),
    ...(request.maxTotalNanos === undefined ? {} : { maxTotalNanos: request.maxTotalNanos }),
  };
}

function digestOf({ digest, maxTotalNanos, lane, onExhausted }: BatchRequest): string {
  return `${digest}:${maxTotalNanos ?? ''}:${lane}${onExhausted === 'pause' ? ':pause' : ''}`;
}

async function* toEntries(batchId: string, request: BatchRequest, skip: number): AsyncGenerator<QueueEntry> {
  const { maxTotalNanos, onExhausted } = request;
  let row = -1;
  for await (const job of request.rows) {
    row += 1;
    if (row < skip) continue;
    const batch = {
      id: batchId,
      row,
      ...(maxTotalNanos === undefined ? {} : { max_total_usd: nanosToUsd(maxTotalNanos) }),
      ...(onExhausted === undefined ? {} : { on_exhausted: onExhausted }),
    };
    yield { id: rowJobId(batchId, row), job: { ...job, batch } };
  }
}
