import { type Job, type Telemetry, UnrecoverableError } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { GatewayError, toGatewayError } from '../domain/errors.ts';
import { type QueuedJob, isQueuedJob } from '../domain/job.ts';
import type { Cancelled } from '../store/cancellations.ts';
import { giveUp } from './conclude.ts';
import { ghostOf } from './endings.ts';
import { type JobsInHand, createJobsInHand } from './jobs-in-hand.ts';
import { LeasedWorker } from './leased-worker.ts';
import { logOutcome, onceASecond } from './log.ts';
import { runSafely } from './recovery.ts';
import type { Services, Start } from './services.ts';
import { Rejected, type ReturnValue, backoffDelay, settle } from './settle.ts';
import type { WriteGuard } from './write-guard.ts';

export type LaneWorkerOptions = {
  lane: string;
  prefix: string;
  concurrency: number;
  redis: Redis;
  services: Services;
  guard: WriteGuard;
  logger: Logger;
  telemetry?: Telemetry | undefined;
};

/**
 * A job whose worker dies is started again as often, and then ends: it may be what kills them. BullMQ allows one, by
 * which a machine that loses its power twice would end jobs that did nothing. A count of starts (`maxStartedAttempts`)
 * is left out on purpose: a deferral is a start, too, and a job may well wait a hundred times for its turn.
 */
const STALLS_ALLOWED = 3;
const COMPLETED_ARE_KEPT = { age: 86_400, count: 5_000 };

/** One lane's BullMQ worker: reads a job, runs the main path on it, tells BullMQ what came of it. */
export class LaneWorker {
  readonly #options: LaneWorkerOptions;
  readonly #hands: JobsInHand;
  readonly #worker: LeasedWorker;
  readonly #endings = new Set<Promise<void>>();
  readonly #log = onceASecond();
  #stopped: Promise<void> | undefined;

  constructor(options: LaneWorkerOptions) {
    this.#options = options;
    const { lane, prefix, concurrency, redis, services, telemetry } = options;
    const lockMs = services.config.workers.lock;
    this.#hands = createJobsInHand(lockMs);
    this.#worker = new LeasedWorker(lane, (job, token) => this.#process(job, token ?? ''), {
      connection: redis,
      prefix,
      concurrency,
      autorun: false,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      maxStalledCount: STALLS_ALLOWED,
      removeOnComplete: COMPLETED_ARE_KEPT,
      // A dead letter is brought back with the data that the queue has of it.
      removeOnFail: { age: Math.ceil(services.config.results.keep / 1_000) },
      settings: { backoffStrategy: backoffDelay },
      hands: this.#hands,
      ...(telemetry && { telemetry }),
    });
    this.#listen();
  }

  async start(): Promise<void> {
    await this.#worker.waitUntilReady();
    this.#worker
      .run()
      .catch((error: unknown) => this.#options.logger.error({ err: toGatewayError(error).code }, 'lane stopped'));
  }

  /** Takes no new jobs until `resume`; those in its hands go on. */
  pause(): void {
    this.#worker.pause(true).catch((error: unknown) => this.#warn(error));
  }

  resume(): void {
    if (this.#stopped) return;
    this.#worker.resume().catch((error: unknown) => this.#warn(error));
  }

  /** Breaks off what it does for a job that was cancelled, or for jobs of a batch that was. */
  cancel(cancelled: Cancelled): void {
    if ('jobId' in cancelled) this.#hands.breakOff('abandoned', cancelled);
    else this.#hands.breakOff('cancelled', cancelled);
  }

  /** The batches that it has jobs of in its hands. */
  batchIds(): string[] {
    return this.#hands.batchIds();
  }

  /** Takes no new jobs, grants the calls under way `graceMs`, then gives their jobs back. Safe to call twice. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#close(graceMs);
    return this.#stopped;
  }

  async #close(graceMs: number): Promise<void> {
    const closed = this.#worker.close();
    const timer = setTimeout(() => this.#hands.breakOff('stopping'), graceMs);
    await closed.finally(() => clearTimeout(timer));
    await Promise.all(this.#endings);
  }

  async #process(job: Job<QueuedJob, ReturnValue>, token: string): Promise<ReturnValue> {
    const { services, guard, logger } = this.#options;
    const start = toStart(job);
    const lockedAt = job.processedOn ?? services.now();
    const lease = this.#hands.take(token, { jobId: start.jobId, batchId: start.job.batch?.id, lockedAt });
    try {
      const outcome = await runSafely(start, isQueuedJob(job.data), services, lease);
      logOutcome(logger, start, outcome);
      return await settle(outcome, job, token, { guard, now: services.now });
    } finally {
      lease.end();
    }
  }

  #listen(): void {
    this.#worker.on('failed', (job, error) => {
      if (job?.finishedOn === undefined || error instanceof Rejected) return;
      const ending = this.#endAbandoned(job, error).finally(() => this.#endings.delete(ending));
      this.#endings.add(ending);
    });
    this.#worker.on('error', (error) => {
      // The guard tells of those that it knows.
      if (!this.#options.guard.notice(error)) this.#warn(error);
    });
  }

  #warn(error: unknown): void {
    const { logger, lane } = this.#options;
    const message = error instanceof Error ? withoutContent(error) : String(error);
    // A Redis that is gone makes hundreds a second.
    this.#log(() => logger.warn({ lane, error: message.slice(0, 200) }, 'queue error'));
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

/** A parser quotes the text that it cannot read: of a job's data that would be a piece of the prompt. */
function withoutContent(error: Error): string {
  return error instanceof SyntaxError ? 'the entry of a job cannot be read' : error.message;
}

/** The only reader of BullMQ's counters. What was started and neither spent an attempt nor stalled was a deferral. */
function toStart(job: Job<QueuedJob, ReturnValue>): Start {
  const { attemptsStarted, attemptsMade, stalledCounter } = job;
  return {
    jobId: job.id ?? '',
    job: isQueuedJob(job.data) ? job.data : ghostOf(job.id ?? '', job.queueName, job.timestamp),
    attemptsStarted,
    attemptsMade,
    stalls: stalledCounter,
    maxAttempts: job.opts.attempts ?? 1,
    deferrals: Math.max(0, attemptsStarted - 1 - attemptsMade - stalledCounter),
  };
}
