import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { type ErrorCode, InputError } from '../domain/errors.ts';
import type { QueuedJob } from '../domain/job.ts';
import { placeOf } from '../domain/row-id.ts';
import { type DeadLetter, type DeadLetterStore, createDeadLetterStore } from '../store/dead-letters.ts';
import { createKeys } from '../store/keys.ts';
import { type Quarantine, type Quarantined, createQuarantine, readQueuedJob } from '../store/quarantine.ts';
import { type RedisTarget, connect } from '../store/redis.ts';
import { type RevivalReply, type Revivals, createRevivals } from '../store/revivals.ts';
import { Queues } from './queues.ts';

/** Which dead letters: those that match all that is said. */
export type DeadLetterFilter = { batchId?: string; code?: ErrorCode; task?: string };

/** `no-data`: what it was asked is not in the queue any more, or cannot be read. */
export type RetryOutcome = RevivalReply | 'no-data';

export type DeadLetterDetails = DeadLetter & {
  /** As it lies in the queue, where it still does and can be read. */
  job: QueuedJob | undefined;
  quarantined: Quarantined | undefined;
};

const RETRIED_AT_A_TIME = 100;

/** Jobs that ended as failed: looked at, and brought back into their lanes. */
export class DeadLetters {
  readonly #redis: Redis;
  readonly #queues: Queues;
  readonly #store: DeadLetterStore;
  readonly #revivals: Revivals;
  readonly #quarantine: Quarantine;

  constructor({ config, redis }: { config: Config; redis: RedisTarget }) {
    const keys = createKeys(config.redis.prefix);
    const ttlMs = config.results.keep;
    this.#redis = connect(redis, { name: 'sluice:dead-letters' });
    this.#queues = new Queues(this.#redis, config);
    this.#store = createDeadLetterStore(this.#redis, keys, { ttlMs });
    this.#revivals = createRevivals(this.#redis, keys, { ttlMs });
    this.#quarantine = createQuarantine(this.#redis, keys, { ttlMs });
  }

  /** How many there are. */
  async count(): Promise<number> {
    return this.#store.count();
  }

  /** The newest first. */
  async *find(filter: DeadLetterFilter = {}): AsyncGenerator<DeadLetter> {
    for await (const page of this.#store.pages()) yield* page.filter((letter) => matches(letter, filter));
  }

  /** By job ids; with a batch also by the rows' own ids. An InputError names those that are no dead letters. */
  async named(ids: readonly string[], batchId?: string): Promise<DeadLetter[]> {
    const found = batchId === undefined ? await this.#store.get(ids) : await this.#namedIn(batchId, new Set(ids));
    const known = new Set(found.flatMap(({ jobId, result }) => [jobId, ...(batchId ? [result.row_id] : [])]));
    const unknown = ids.filter((id) => !known.has(id));
    if (unknown.length === 0) return found;
    const where = batchId === undefined ? '' : ` of batch "${batchId}"`;
    const hint = batchId === undefined ? '; the ids of rows need --batch ID' : '';
    throw new InputError(unknown.map((id) => `no failed job "${id}"${where} here (sluice dlq list has all)${hint}`));
  }

  async details(letter: DeadLetter): Promise<DeadLetterDetails> {
    const [job, quarantined] = await Promise.all([this.#queues.find(letter.jobId), this.#quarantine.get(letter.jobId)]);
    return { ...letter, job, quarantined };
  }

  /**
   * Brings jobs back: each is run anew, on all models, with another deadline and all its attempts, under the same id. What
   * came of each is said as it is known.
   */
  async *retry(letters: readonly DeadLetter[]): AsyncGenerator<{ jobId: string; outcome: RetryOutcome }> {
    for (let first = 0; first < letters.length; first += RETRIED_AT_A_TIME) {
      yield* await this.#retryPage(letters.slice(first, first + RETRIED_AT_A_TIME));
    }
  }

  /** Puts jobs into their lanes whose retry was cut off in the middle; returns which. Safe at any time, and twice. */
  async finishRevivals(): Promise<{ jobId: string; rowId: string | undefined }[]> {
    const finished: { jobId: string; rowId: string | undefined }[] = [];
    for await (const page of this.#revivals.noted()) {
      // A job that is there already is left as it is.
      await this.#queues.add(page.map(({ jobId, revival }) => ({ id: jobId, job: revival.data })));
      await this.#revivals.forget(page);
      finished.push(...page.map(({ jobId, revival }) => ({ jobId, rowId: revival.data.id })));
    }
    return finished;
  }

  async close(): Promise<void> {
    await this.#queues.close();
    this.#redis.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #namedIn(batchId: string, ids: ReadonlySet<string>): Promise<DeadLetter[]> {
    const found: DeadLetter[] = [];
    for await (const letter of this.find({ batchId })) {
      if (ids.has(letter.jobId) || (letter.result.row_id !== undefined && ids.has(letter.result.row_id))) {
        found.push(letter);
      }
    }
    return found;
  }

  async #retryPage(letters: readonly DeadLetter[]): Promise<{ jobId: string; outcome: RetryOutcome }[]> {
    const outcomes = await Promise.all(
      letters.map(async (letter) => ({ jobId: letter.jobId, outcome: await this.#revive(letter) })),
    );
    // What is noted by now outlives this process: the next retry, or a worker's janitor, would add it.
    if (outcomes.some(({ outcome }) => outcome === 'revived')) await this.finishRevivals();
    return outcomes;
  }

  async #revive(letter: DeadLetter): Promise<RetryOutcome> {
    const { job: queued, quarantined } = await this.details(letter);
    // A job may be in quarantine for other reasons than its data.
    const job = queued ?? readQueuedJob(quarantined?.fields['data']);
    if (!job) return 'no-data';
    const again = { ...job, revision: (job.revision ?? 0) + 1, enqueued_at: Date.now() };
    const { name, data, opts } = this.#queues.toAdd({ id: letter.jobId, job: again });
    return this.#revivals.revive(letter, { lane: job.lane, name, data, opts: { ...opts } });
  }
}

function matches({ jobId, result }: DeadLetter, { batchId, code, task }: DeadLetterFilter): boolean {
  if (batchId !== undefined && placeOf(jobId)?.id !== batchId) return false;
  if (code !== undefined && result.error.code !== code) return false;
  return task === undefined || result.task === task;
}
