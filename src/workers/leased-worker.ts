import { type Processor, Worker, type WorkerOptions } from 'bullmq';
import type { QueuedJob } from '../domain/job.ts';
import type { JobsInHand } from './jobs-in-hand.ts';
import { monotonicMs } from './lease.ts';
import type { ReturnValue } from './settle.ts';

/**
 * BullMQ's worker, which tells of each renewal that Redis confirmed when it was asked for. BullMQ's own events tell of it
 * when the answer comes, which after an outage is late.
 */
export class LeasedWorker extends Worker<QueuedJob, ReturnValue> {
  readonly #hands: JobsInHand;

  constructor(
    lane: string,
    process: Processor<QueuedJob, ReturnValue>,
    options: WorkerOptions & { hands: JobsInHand },
  ) {
    const { hands, ...rest } = options;
    super(lane, process, rest);
    this.#hands = hands;
  }

  override async extendJobLocks(jobIds: string[], tokens: string[], durationMs: number): Promise<string[]> {
    const askedAtMs = monotonicMs();
    const refusedIds = await super.extendJobLocks(jobIds, tokens, durationMs);
    const isRefused = (_token: string, index: number): boolean => refusedIds.includes(jobIds[index] ?? '');
    const renewed = tokens.filter((token, index) => !isRefused(token, index));
    this.#hands.noteRenewal(renewed, tokens.filter(isRefused), askedAtMs);
    return refusedIds;
  }
}
