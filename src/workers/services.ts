import type { BudgetAlert } from '../domain/budget.ts';
import type { Config } from '../domain/config.ts';
import { GatewayError } from '../domain/errors.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { ExperimentControl } from '../domain/experiment-control.ts';
import type { QueuedJob } from '../domain/job.ts';
import type { CallsUnderWay } from './calls-under-way.ts';
import type { Pacer } from './pacing.ts';
import type { Providers } from '../providers/index.ts';
import type { Router } from '../router/index.ts';
import type { BatchStore } from '../store/batches.ts';
import type { Ledger } from '../store/ledger.ts';
import type { Observations } from '../store/observations.ts';
import type { Parking } from '../store/parking.ts';
import type { RelaySender } from '../store/relay.ts';

/** What the main path works with; handed in, so that it can be run on a fake clock and on recorded answers. */
export type Services = {
  config: Config;
  router: Router;
  ledger: Ledger;
  /** Where jobs are noted that wait for a budget. */
  parking: Pick<Parking, 'note'>;
  batches: Pick<BatchStore, 'pause'>;
  providers: Providers;
  /** Passes answers on piece by piece, for whom that is asked. */
  relay: RelaySender;
  observations: () => Observations;
  /** What was learned of the models. */
  evidence: () => Evidence;
  /** Which experiments were stopped or promoted. */
  experiments: () => ExperimentControl;
  /** How much cost weighs for the sake of budgets. */
  pacer: Pick<Pacer, 'pressureFor'>;
  calls: Pick<CallsUnderWay, 'begin' | 'end' | 'current'>;
  turnOf: (start: Start) => number;
  /** Tells whoever runs this that a budget is spent up to its alert; once a window over all workers. */
  notify: (alert: BudgetAlert) => void;
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
  /** How often its worker died or was lost with it. */
  stalls: number;
  maxAttempts: number;
  /** Starts that spent no attempt. */
  deferrals: number;
};

/** Of a job that was brought back, BullMQ counts the starts anew: its revision tells them from those before. */
export function attemptIdOf({ jobId, job, attemptsStarted }: Start): string {
  return job.revision ? `${jobId}.r${job.revision}:${attemptsStarted}` : `${jobId}:${attemptsStarted}`;
}

/** When the job is to be over, in epoch milliseconds. */
export function deadlineOf(job: QueuedJob): number {
  return job.deadline_ms === undefined ? Number.POSITIVE_INFINITY : job.enqueued_at + job.deadline_ms;
}

export function deadlineExceeded({ job }: Pick<Start, 'job'>): GatewayError {
  return new GatewayError('DEADLINE_EXCEEDED', `the job's deadline of ${job.deadline_ms} ms has passed`);
}

/** How long a call may take by the job's own limits, in milliseconds; the provider's own may be shorter. */
export function timeLimitOf({ start, maxLatencyMs, startedAt }: TimedCall): number {
  return Math.min(maxLatencyMs, deadlineOf(start.job) - startedAt);
}

type TimedCall = { start: Start; maxLatencyMs: number; startedAt: number };
