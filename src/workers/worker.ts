import { type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { GatewayError, toGatewayError } from '../domain/errors.ts';
import { type QueuedJob, isQueuedJob } from '../domain/job.ts';
import { giveUp } from './conclude.ts';
import { logOutcome } from './log.ts';
import { runSafely } from './recovery.ts';
import type { Services, Start } from './services.ts';
import { Rejected, type ReturnValue, backoffDelay, settle } from './settle.ts';

export type LaneWorkerOptions = {
  lane: string;
  prefix: string;
  concurrency: number;
  redis: Redis;
  services: Services;
  logger: Logger;
};

const STALLS_ALLOWED = 3;
const KEPT_IN_THE_QUEUE = { age: 86_400, count: 5_000 };

/** One lane's BullMQ worker: reads a job, runs the main path on it, tells BullMQ what came of it. */
export class LaneWorker {
  readonly #options: LaneWorkerOptions;
  readonly #worker: Worker<QueuedJob, ReturnValue>;
  readonly #endings = new Set<Promise<void>>();
  #stopped: Promise<void> | undefined;

  constructor(options: LaneWorkerOptions) {
    this.#options = options;
    const { lane, prefix, concurrency, redis, services } = options;
    // Three named parameters: BullMQ hands the signal only to a processor whose length says that it wants one.
    const process = async (
      job: Job<QueuedJob, ReturnValue>,
      token?: string,
      signal?: AbortSignal,
    ): Promise<ReturnValue> => this.#process(job, token ?? '', signal ?? NEVER);
    this.#worker = new Worker(lane, process, {
      connection: redis,
      prefix,
      concurrency,
      autorun: false,
      lockDuration: services.config.workers.lock,
      stalledInterval: services.config.workers.lock,
      maxStalledCount: STALLS_ALLOWED,
      removeOnComplete: KEPT_IN_THE_QUEUE,
      removeOnFail: KEPT_IN_THE_QUEUE,
      settings: { backoffStrategy: backoffDelay },
    });
    this.#listen();
  }

  async start(): Promise<void> {
    await this.#worker.waitUntilReady();
    this.#worker
      .run()
      .catch((error: unknown) => this.#options.logger.error({ err: toGatewayError(error).code }, 'lane stopped'));
  }

  /** Takes no new jobs, grants the calls under way `graceMs`, then gives their jobs back. Safe to call twice. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#close(graceMs);
    return this.#stopped;
  }

  async #close(graceMs: number): Promise<void> {
    const closed = this.#worker.close();
    const timer = setTimeout(() => this.#worker.cancelAllJobs('the worker is stopping'), graceMs);
    await closed.finally(() => clearTimeout(timer));
    await Promise.all(this.#endings);
  }

  async #process(job: Job<QueuedJob, ReturnValue>, token: string, signal: AbortSignal): Promise<ReturnValue> {
    const { services, logger } = this.#options;
    const start = toStart(job);
    const outcome = await runSafely(start, isQueuedJob(job.data), services, signal);
    logOutcome(logger, start, outcome);
    return settle(outcome, job, token);
  }

  #listen(): void {
    const { logger, lane } = this.#options;
    this.#worker.on('failed', (job, error) => {
      if (job?.finishedOn === undefined || error instanceof Rejected) return;
      const ending = this.#endAbandoned(job, error).finally(() => this.#endings.delete(ending));
      this.#endings.add(ending);
    });
    // Others have these jobs now: stop paying for calls whose answer nobody will take.
    this.#worker.on('lockRenewalFailed', (jobIds) => {
      for (const jobId of jobIds) this.#worker.cancelJob(jobId, 'the lock was lost');
    });
    let lastLoggedAt = 0;
    this.#worker.on('error', (error) => {
      // A Redis that is gone makes hundreds a second; one line a second is enough to know.
      if (Date.now() - lastLoggedAt < 1_000) return;
      lastLoggedAt = Date.now();
      logger.warn({ lane, error: error.message.slice(0, 200) }, 'queue error');
    });
  }

  /** BullMQ ends a job by itself when it stalled too often; then nobody has written yet how it ended. */
  async #endAbandoned(job: Job<QueuedJob, ReturnValue>, cause: Error): Promise<void> {
    const { services, logger } = this.#options;
    const start = toStart(job);
    const abandoned = new GatewayError('INTERNAL', 'its worker died each time it was started; not started again');
    try {
      const error = cause instanceof UnrecoverableError ? abandoned : toGatewayError(cause);
      logOutcome(logger, start, await giveUp(error, start, services));
    } catch (error) {
      logger.error({ job_id: start.jobId, code: toGatewayError(error).code }, 'abandoned job not recorded');
    }
  }
}

const NEVER = new AbortController().signal;

/** The only reader of BullMQ's counters. What was started and neither spent an attempt nor stalled was a deferral. */
function toStart(job: Job<QueuedJob, ReturnValue>): Start {
  const { attemptsStarted, attemptsMade, stalledCounter } = job;
  return {
    jobId: job.id ?? '',
    job: isQueuedJob(job.data) ? job.data : ghostOf(job),
    attemptsStarted,
    attemptsMade,
    maxAttempts: job.opts.attempts ?? 1,
    deferrals: Math.max(0, attemptsStarted - 1 - attemptsMade - stalledCounter),
  };
}

/** Stands for data that nobody can read, so that the job can end like any other. */
function ghostOf({ queueName, timestamp }: Job): QueuedJob {
  return { v: 1, task: null, lane: queueName, account: 'default', enqueued_at: timestamp };
}
