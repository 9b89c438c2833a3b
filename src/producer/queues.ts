import { type JobsOptions, Queue, type Telemetry } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { type QueuedJob, isQueuedJob } from '../domain/job.ts';
import { createKeys } from '../store/keys.ts';
import { createLaneList } from '../store/lanes.ts';
import { openQueueTelemetry } from './telemetry.ts';

/**
 * Pictures come in the request. Larger data would block Redis, and everybody who looks into the queue, for longer than a
 * few milliseconds.
 */
export const MOST_JOB_BYTES = 16_777_216;
/** Of a row in a file there are many at a time in hand. */
export const MOST_ROW_BYTES = 1_048_576;
/** From here on a job is not kept in the queue when it has completed: thousands are. */
export const LARGE_JOB_BYTES = 65_536;

/** Events hold the (small) return values; a few are enough for bull-board. */
const KEPT_EVENTS = 1_000;

const PAGE = 200;

/** `isLarge`: see `LARGE_JOB_BYTES`. */
export type QueueEntry = { id: string; job: QueuedJob; isLarge?: boolean };

/** The lanes as BullMQ queues, opened when they are first used. */
export class Queues {
  readonly #config: Config;
  readonly #prefix: string;
  readonly #redis: Redis;
  readonly #lanes: ReturnType<typeof createLaneList>;
  readonly #telemetry: { telemetry?: Telemetry };
  readonly #queues = new Map<string, Queue<QueuedJob>>();
  #gathered: { entries: QueueEntry[]; added: Promise<void> } | undefined;

  constructor(redis: Redis, config: Config) {
    this.#redis = redis;
    this.#config = config;
    const keys = createKeys(config.redis.prefix);
    this.#prefix = keys.queues;
    this.#lanes = createLaneList(redis, keys);
    const telemetry = openQueueTelemetry(config);
    this.#telemetry = telemetry ? { telemetry } : {};
  }

  get(lane: string): Queue<QueuedJob> {
    const open = this.#queues.get(lane);
    if (open) return open;
    const queue = new Queue<QueuedJob>(lane, {
      connection: this.#redis,
      prefix: this.#prefix,
      streams: { events: { maxLen: KEPT_EVENTS } },
      ...this.#telemetry,
    });
    // The connection reports its errors itself; without a listener here Node would end the process.
    queue.on('error', () => {});
    this.#queues.set(lane, queue);
    return queue;
  }

  /** Adds jobs; an id that is in the queue already is left as it is. */
  async add(entries: readonly QueueEntry[]): Promise<void> {
    const lanes = Map.groupBy(entries, (entry) => entry.job.lane);
    await this.#lanes.note([...lanes.keys()]);
    await Promise.all(
      [...lanes].map(([lane, group]) =>
        this.#addTo(
          this.get(lane),
          group.map((entry) => this.toAdd(entry)),
        ),
      ),
    );
  }

  /** Adds one job; all those of one turn of the event loop go together, since each call has its price. */
  async addOne(entry: QueueEntry): Promise<void> {
    // Those that go together go in one trace, and these may be of several.
    if (this.#telemetry.telemetry) return this.add([entry]);
    if (this.#gathered === undefined) {
      const entries: QueueEntry[] = [];
      const added = new Promise((resolve) => setImmediate(resolve)).then(() => {
        this.#gathered = undefined;
        return this.add(entries);
      });
      this.#gathered = { entries, added };
    }
    this.#gathered.entries.push(entry);
    await this.#gathered.added;
  }

  /** What a job is added to its lane with. */
  toAdd({ id, job, isLarge }: QueueEntry): { name: string; data: QueuedJob; opts: JobsOptions } {
    const opts = { ...this.#optionsOf(id, job), ...(isLarge && { removeOnComplete: true }) };
    return { name: job.task ?? '-', data: job, opts };
  }

  /**
   * Looks for a job in every lane: rows of one batch may lie in several, by their tasks. Undefined also for one whose
   * entry nobody can read.
   */
  async find(jobId: string): Promise<QueuedJob | undefined> {
    const lanes = Object.keys(this.#config.lanes);
    const jobs = await Promise.all(lanes.map((lane) => this.get(lane).getJob(jobId).catch(skipUnreadable)));
    return jobs.map((job) => job?.data).find(isQueuedJob);
  }

  /** Whether the job waits in a lane, or is being run. */
  async isUnderWay(jobId: string): Promise<boolean> {
    const lanes = Object.keys(this.#config.lanes);
    const jobs = await Promise.all(lanes.map((lane) => this.get(lane).getJob(jobId).catch(skipUnreadable)));
    return jobs.some((job) => job !== undefined && job.finishedOn === undefined);
  }

  /** The jobs that have completed and are still in the queue, lane by lane, the newest first. */
  async *completed(): AsyncGenerator<QueuedJob> {
    for (const lane of Object.keys(this.#config.lanes)) {
      for (let start = 0; ; start += PAGE) {
        const jobs = await this.get(lane).getJobs('completed', start, start + PAGE - 1);
        for (const { data } of jobs.filter(Boolean)) if (isQueuedJob(data)) yield data;
        if (jobs.length < PAGE) break;
      }
    }
  }

  /** Takes ended jobs out that are older than their results: a job that is added under the same id would be ignored. */
  async forgetEnded(olderThanMs: number): Promise<void> {
    const queues = Object.keys(this.#config.lanes).map((lane) => this.get(lane));
    await Promise.all(
      queues.flatMap((queue) => [queue.clean(olderThanMs, 0, 'completed'), queue.clean(olderThanMs, 0, 'failed')]),
    );
  }

  /** What is made for many costs a quarter of what a gateway does for one. */
  async #addTo(queue: Queue<QueuedJob>, jobs: ReturnType<Queues['toAdd']>[]): Promise<void> {
    const [first, ...others] = jobs;
    if (first && others.length === 0) await queue.add(first.name, first.data, first.opts);
    else await queue.addBulk(jobs);
  }

  #optionsOf(id: string, job: QueuedJob): JobsOptions {
    return {
      jobId: id,
      attempts: job.max_attempts ?? this.#config.routing.max_attempts,
      // The delay comes with the error: see the workers' settle.
      backoff: { type: 'sluice' },
      stackTraceLimit: 0,
      sizeLimit: MOST_JOB_BYTES,
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }
}

/** BullMQ parses what an entry holds; it may have been damaged. */
function skipUnreadable(error: unknown): undefined {
  if (!(error instanceof SyntaxError)) throw error;
}
