import { createHash, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { GatewayError } from '../domain/errors.ts';
import type { FeedbackDetails } from '../domain/feedback.ts';
import { formatProblem } from '../domain/issues.ts';
import type { PromptJob } from '../domain/job.ts';
import type { JobResult } from '../domain/result.ts';
import { createClaims } from '../store/claims.ts';
import { unusable } from '../store/fitness.ts';
import { createKeys } from '../store/keys.ts';
import { createLedger } from '../store/ledger.ts';
import { type RedisTarget, connect, isRedisFailure } from '../store/redis.ts';
import { enqueueInChunks, inChunks } from './chunks.ts';
import { type FeedbackDesk, type FeedbackOutcome, checkScore, createFeedbackDesk } from './feedback.ts';
import { prepareJob } from './intake.ts';
import { type QueueEntry, Queues } from './queues.ts';
import { createWaiter } from './waiter.ts';

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
  readonly #config: Config;
  readonly #lane: string;
  readonly #target: RedisTarget;
  readonly #redis: Redis;
  readonly #subscriber: Redis;
  readonly #queues: Queues;
  readonly #claim: ReturnType<typeof createClaims>;
  readonly #waiter: ReturnType<typeof createWaiter>;
  readonly #feedback: FeedbackDesk;
  /** What is wrong with the connection: a command that fails by it only says that it was not done. */
  #outage: Error | undefined;

  constructor({ config, redis, lane }: ProducerOptions) {
    const keys = createKeys(config.redis.prefix);
    const ttlMs = config.results.keep;
    this.#config = config;
    this.#lane = lane ?? defaultLane(config);
    this.#target = redis;
    const noteOutage = (error: Error): void => void (this.#outage = error);
    this.#redis = connect(redis, { name: 'sluice:producer' }, noteOutage);
    this.#subscriber = connect(redis, { name: 'sluice:waiter' }, noteOutage);
    for (const connection of [this.#redis, this.#subscriber]) connection.on('ready', () => (this.#outage = undefined));
    this.#queues = new Queues(this.#redis, config);
    this.#feedback = createFeedbackDesk({ redis: this.#redis, config, queues: this.#queues });
    this.#claim = createClaims(this.#redis, keys, { ttlMs });
    this.#waiter = createWaiter(this.#subscriber, keys, createLedger(this.#redis, keys, { resultTtlMs: ttlMs }));
  }

  /**
   * Puts one job into its lane and returns its id. With an `id` of its own the job is run once however often it is
   * enqueued; the same id with other content is refused. Throws a GatewayError JOB_INVALID for a bad job.
   */
  async enqueue(job: PromptJob): Promise<{ id: string }> {
    const entry = this.#prepare(job);
    if (!(await this.#ownsItsId(entry))) throw usedBefore(entry);
    await this.#add([entry]);
    return { id: entry.id };
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
   * `timeoutMs` (Infinity: however long it takes), INTERRUPTED when the producer is closed before.
   */
  async waitFor(id: string, options: { timeoutMs: number }): Promise<JobResult> {
    return this.#needingRedis(() => this.#waiter.waitFor(id, options.timeoutMs));
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
    this.#waiter.close();
    await this.#queues.close();
    this.#subscriber.disconnect();
    this.#redis.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #prepare(input: PromptJob): QueueEntry {
    const prepared = prepareJob(input, { config: this.#config, lane: this.#lane, now: Date.now });
    if (!prepared.ok) throw new GatewayError('JOB_INVALID', prepared.problems.map(formatProblem).join('; '));
    const { job } = prepared;
    if (job.id === undefined) return { id: `j-${randomUUID()}`, job };
    return { id: `j-${digestOf(job.id).slice(0, 32)}`, job };
  }

  /** Up to the first bad job. The ids of a chunk are claimed side by side, so that they share round trips. */
  async *#prepareMany(jobs: Iterable<PromptJob> | AsyncIterable<PromptJob>): AsyncGenerator<QueueEntry> {
    const prepare = async function* (this: Producer): AsyncGenerator<QueueEntry> {
      for await (const job of jobs) yield this.#prepare(job);
    };
    for await (const chunk of inChunks(prepare.call(this))) {
      const claims = await Promise.all(chunk.map((entry) => this.#ownsItsId(entry)));
      for (const [index, entry] of chunk.entries()) {
        if (!claims[index]) throw usedBefore(entry);
        yield entry;
      }
    }
  }

  /** False when the job's id stands for other content. */
  async #ownsItsId({ id, job }: QueueEntry): Promise<boolean> {
    if (job.id === undefined) return true;
    return this.#needingRedis(() => this.#claim(id, digestOf(JSON.stringify({ ...job, enqueued_at: 0 }))));
  }

  async #add(entries: readonly QueueEntry[]): Promise<void> {
    await this.#needingRedis(async () => {
      // A BullMQ queue that is made while Redis is away stays broken when it is back.
      if (this.#redis.status !== 'ready') await this.#redis.ping();
      await this.#queues.add(entries);
    });
  }

  async #needingRedis<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      throw isRedisFailure(error) ? unusable(this.#target, this.#outage ?? error) : error;
    }
  }
}

function usedBefore({ job }: QueueEntry): GatewayError {
  const message = `id ${JSON.stringify(job.id)} was used before for another job; give this one another id`;
  return new GatewayError('JOB_INVALID', message);
}

export function defaultLane(config: Config): string {
  return Object.hasOwn(config.lanes, 'interactive') ? 'interactive' : (Object.keys(config.lanes)[0] ?? 'interactive');
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
