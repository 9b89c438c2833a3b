import { createHash, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { GatewayError } from '../domain/errors.ts';
import type { FeedbackDetails } from '../domain/feedback.ts';
import type { JobReply, PromptJob, QueuedJob } from '../domain/job.ts';
import type { JobResult } from '../domain/result.ts';
import { createClaims } from '../store/claims.ts';
import { unusable } from '../store/fitness.ts';
import { announceCancellation } from '../store/cancellations.ts';
import { type Keys, createKeys } from '../store/keys.ts';
import { type Ledger, createLedger } from '../store/ledger.ts';
import { type RedisTarget, connect, isRedisFailure } from '../store/redis.ts';
import type { RelayMessage } from '../store/relay.ts';
import { createAsker } from './asker.ts';
import { cancelJob } from './cancel-job.ts';
import { enqueueInChunks, inChunks } from './chunks.ts';
import { type FeedbackDesk, type FeedbackOutcome, checkScore, createFeedbackDesk } from './feedback.ts';
import { type Intake, InvalidJob, type Prepared, prepareJob, prepareRead } from './intake.ts';
import { LARGE_JOB_BYTES, MOST_JOB_BYTES, type QueueEntry, Queues } from './queues.ts';
import { createWaiter } from './waiter.ts';
import { type Waits, createWaits } from './waits.ts';

export type ProducerOptions = {
  config: Config;
  redis: RedisTarget;
  /** The lane of jobs that name none and whose task has none; `interactive`, or the first that there is. */
  lane?: string;
};

/**
 * Puts prompt jobs into the queue and waits for their results. While Redis cannot be used, what wants something of it
 * throws an InputError with `exitCode` 3 within seconds; a Redis that is back is used again.
 */
export class Producer {
  readonly #target: RedisTarget;
  readonly #redis: Redis;
  readonly #subscriber: Redis;
  readonly #queues: Queues;
  readonly #keys: Keys;
  readonly #ledger: Ledger;
  readonly #claim: ReturnType<typeof createClaims>;
  readonly #intake: Intake;
  /** By which workers and the ledger know to whom they tell what. */
  readonly #id = randomUUID();
  readonly #waits: Waits;
  readonly #waitFor: ReturnType<typeof createWaiter>;
  readonly #asker: ReturnType<typeof createAsker>;
  readonly #feedback: FeedbackDesk;
  /** What is wrong with the connection: a command that fails by it only says that it was not done. */
  #outage: Error | undefined;

  constructor({ config, redis, lane }: ProducerOptions) {
    const keys = createKeys(config.redis.prefix);
    const ttlMs = config.results.keep;
    this.#intake = { config, lane: lane ?? defaultLane(config), now: Date.now };
    this.#target = redis;
    const noteOutage = (error: Error): void => void (this.#outage = error);
    this.#redis = connect(redis, { name: 'sluice:producer' }, noteOutage);
    this.#subscriber = connect(redis, { name: 'sluice:waiter' }, noteOutage);
    for (const connection of [this.#redis, this.#subscriber]) connection.on('ready', () => (this.#outage = undefined));
    this.#queues = new Queues(this.#redis, config);
    this.#feedback = createFeedbackDesk({ redis: this.#redis, config, queues: this.#queues });
    this.#keys = keys;
    this.#ledger = createLedger(this.#redis, keys, { resultTtlMs: ttlMs });
    this.#claim = createClaims(this.#redis, keys, { ttlMs });
    this.#waits = createWaits();
    this.#waitFor = createWaiter(this.#subscriber, keys, this.#ledger, this.#waits);
    this.#asker = createAsker(this.#subscriber, keys, this.#ledger, this.#waits, this.#id);
  }

  /**
   * Puts one job into its lane and returns its id. With an `id` of its own the job is run once however often it is
   * enqueued; the same id with other content is refused. Throws a GatewayError JOB_INVALID for a bad job.
   */
  async enqueue(job: PromptJob): Promise<{ id: string }> {
    return this.submit(this.prepare(job));
  }

  /**
   * A job as it will lie in the queue, with the id that it will have there. Throws an InvalidJob for a bad one.
   */
  prepare(input: PromptJob, beside: Pick<QueuedJob, 'api_key'> = {}): QueueEntry {
    return this.#toEntry(prepareJob(input, this.#intake), beside);
  }

  /**
   * Likewise for `ask`: the result is told to this process, and kept for `keepMs`, once the job has completed. `input` is
   * a job whose messages, tools and response format were read by a schema already.
   */
  prepareToAsk(
    input: PromptJob,
    { keepMs, wantsPieces, ...beside }: { keepMs: number; wantsPieces: boolean } & Pick<QueuedJob, 'api_key'>,
  ): QueueEntry {
    // A job with an id of its own may have others that wait for it, and come again for its result.
    const keep = input.id === undefined ? { keep_ms: keepMs } : {};
    const reply: JobReply = { to: this.#id, ...keep, ...(wantsPieces && { pieces: true }) };
    return this.#toEntry(prepareRead(input, this.#intake), { ...beside, reply });
  }

  /** Puts a prepared job into its lane. Throws an IdTaken when its id stands for another job. */
  async submit(entry: QueueEntry): Promise<{ id: string }> {
    if (!(await this.#ownsItsId(entry))) throw new IdTaken(entry.job.id);
    await this.#needingConnection(() => this.#queues.addOne(entry));
    return { id: entry.id };
  }

  /**
   * Enqueues a job that was prepared for it and waits for its end, as `submit` and `waitFor` do, only sooner. `onPieces`
   * hears the answer while it arrives.
   */
  async ask(
    entry: QueueEntry,
    options: { timeoutMs: number; signal?: AbortSignal; onPieces?: (message: RelayMessage) => void },
  ): Promise<JobResult> {
    const submit = (): Promise<unknown> => this.submit(entry);
    if (entry.job.id === undefined) return this.#needingRedis(() => this.#asker.ask(entry.id, options, submit));
    const hush = options.onPieces && this.#asker.listen(entry.id, options.onPieces);
    try {
      await submit();
      return await this.waitFor(entry.id, options);
    } finally {
      hush?.();
    }
  }

  /**
   * Puts many jobs into their lanes, reading the source only as fast as the queue takes them: a source of a million
   * jobs is never held in memory. Stops at the first bad job, or when the source fails: what came before is enqueued.
   * Throws a GatewayError JOB_INVALID that says which job is bad and how many are in; what the source throws comes as
   * it is.
   */
  async enqueueMany(jobs: Iterable<PromptJob> | AsyncIterable<PromptJob>): Promise<{ enqueued: number }> {
    let enqueued = 0;
    try {
      await enqueueInChunks(
        this.#prepareMany(jobs),
        (chunk) => this.#add(chunk),
        (total) => void (enqueued = total),
      );
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'JOB_INVALID') throw error;
      const message = `job ${enqueued + 1}: ${error.message} (${enqueued} before it are enqueued)`;
      throw new GatewayError('JOB_INVALID', message, {}, { cause: error });
    }
    return { enqueued };
  }

  /**
   * The job's result once it has ended, completed or failed. Throws DEADLINE_EXCEEDED when that takes longer than
   * `timeoutMs` (Infinity: however long it takes), INTERRUPTED when the producer is closed before, or the reason of the
   * signal when that is aborted. The job goes on then.
   */
  async waitFor(id: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<JobResult> {
    return this.#needingRedis(() => this.#waitFor(id, options));
  }

  /**
   * Ends a job for which nobody waits any more: one that has not been started is not run, a call under way is broken off
   * by whichever worker. What has ended stays as it ended.
   */
  async cancel({ id, job }: QueueEntry): Promise<void> {
    await this.#needingRedis(async () => {
      const error = new GatewayError('CANCELLED', 'whoever asked went away before it was run');
      const ended = await cancelJob(this.#ledger, { jobId: id, job, error });
      if (ended === undefined) await announceCancellation(this.#redis, this.#keys, { jobId: id });
    });
  }

  /**
   * Scores the answer to a job that has completed, from 0 (of no use) to 1; routers learn from it. The job has one score
   * from each `source`: the same again changes nothing, another one corrects the earlier. An answer from the cache is
   * scored with the job that it is from: `cached`, and nothing is counted. Throws an InputError for a job that is not
   * known, has not ended or has failed.
   */
  async feedback(jobId: string, score: number, details: FeedbackDetails = {}): Promise<{ outcome: FeedbackOutcome }> {
    const scored = checkScore(jobId, score, details);
    return { outcome: await this.#needingRedis(() => this.#feedback.give(scored)) };
  }

  async close(): Promise<void> {
    this.#waits.close();
    await this.#queues.close();
    this.#subscriber.disconnect();
    this.#redis.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Up to the first bad job. The ids of a chunk are claimed side by side, so that they share round trips. */
  async *#prepareMany(jobs: Iterable<PromptJob> | AsyncIterable<PromptJob>): AsyncGenerator<QueueEntry> {
    const prepare = async function* (this: Producer): AsyncGenerator<QueueEntry> {
      for await (const job of jobs) yield this.prepare(job);
    };
    for await (const chunk of inChunks(prepare.call(this))) {
      const claims = await Promise.all(chunk.map((entry) => this.#ownsItsId(entry)));
      for (const [index, entry] of chunk.entries()) {
        if (!claims[index]) throw new IdTaken(entry.job.id);
        yield entry;
      }
    }
  }

  /** False when the job's id stands for other content. */
  async #ownsItsId({ id, job }: QueueEntry): Promise<boolean> {
    if (job.id === undefined) return true;
    return this.#needingRedis(() => this.#claim(id, digestOf(contentOf(job))));
  }

  async #add(entries: readonly QueueEntry[]): Promise<void> {
    await this.#needingConnection(() => this.#queues.add(entries));
  }

  async #needingConnection<Value>(work: () => Promise<Value>): Promise<Value> {
    return this.#needingRedis(async () => {
      // A BullMQ queue that is made while Redis is away stays broken when it is back.
      if (this.#redis.status !== 'ready') await this.#redis.ping();
      return work();
    });
  }

  #toEntry(prepared: Prepared, beside: Pick<QueuedJob, 'api_key' | 'reply'>): QueueEntry {
    if (!prepared.ok) throw new InvalidJob(prepared.problems);
    const job = { ...prepared.job, ...beside };
    const bytes = Buffer.byteLength(JSON.stringify(job));
    if (bytes > MOST_JOB_BYTES) {
      throw new InvalidJob([{ path: [], message: `a job of ${bytes} bytes; ${MOST_JOB_BYTES} are allowed` }]);
    }
    const id = `j-${job.id === undefined ? randomUUID() : digestOf(job.id).slice(0, 32)}`;
    return { id, job, ...(bytes > LARGE_JOB_BYTES && { isLarge: true }) };
  }

  async #needingRedis<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      throw isRedisFailure(error) ? unusable(this.#target, this.#outage ?? error) : error;
    }
  }
}

/** JOB_INVALID: the id was used before for another job. */
export class IdTaken extends GatewayError {
  constructor(id: string | undefined) {
    super('JOB_INVALID', `id ${JSON.stringify(id)} was used before for another job; give this one another id`);
  }
}

export function defaultLane(config: Config): string {
  return Object.hasOwn(config.lanes, 'interactive') ? 'interactive' : (Object.keys(config.lanes)[0] ?? 'interactive');
}

/** What was asked, whenever and by whatever way it came, and however long somebody waits for it. */
function contentOf({ reply: _reply, api_key: _key, deadline_ms: _deadline, ...job }: QueuedJob): string {
  return JSON.stringify({ ...job, enqueued_at: 0 });
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
