import type { Config } from '../domain/config.ts';
import type { QueuedJob } from '../domain/job.ts';
import type { Providers } from '../providers/index.ts';
import type { Router } from '../router/index.ts';
import type { Ledger } from '../store/ledger.ts';
import type { Observations } from '../store/observations.ts';

/** What the main path works with; handed in, so that it can be run on a fake clock and on recorded answers. */
export type Services = {
  config: Config;
  router: Router;
  ledger: Ledger;
  providers: Providers;
  observations: () => Observations;
  /** Epoch milliseconds. */
  now: () => number;
  random: () => number;
};

/** One start of a job, as BullMQ counts it. */
export type Start = {
  jobId: string;
  job: QueuedJob;
  /** Grows at every start, after a crash or a deferral too: what makes an attempt id unique. */
  attemptsStarted: number;
  /** Attempts that ended and were spent. */
  attemptsMade: number;
  maxAttempts: number;
  /** Starts that spent no attempt. */
  deferrals: number;
};

export function attemptIdOf(start: Start): string {
  return `${start.jobId}:${start.attemptsStarted}`;
}

/** When the job is to be over, in epoch milliseconds. */
export function deadlineOf(job: QueuedJob): number {
  return job.deadline_ms === undefined ? Number.POSITIVE_INFINITY : job.enqueued_at + job.deadline_ms;
}

/** How long a call may take by the job's own limits, in milliseconds; the provider's own may be shorter. */
export function timeLimitOf({ start, maxLatencyMs, startedAt }: TimedCall): number {
  return Math.min(maxLatencyMs, deadlineOf(start.job) - startedAt);
}

type TimedCall = { start: Start; maxLatencyMs: number; startedAt: number };
