import { setTimeout as sleep } from 'node:timers/promises';
import type { ParkedJob, Parking } from '../store/parking.ts';
import type { Queues } from './queues.ts';

/** BullMQ's for a job that is not in the state that was expected, or does not exist. */
const NOT_IN_STATE = -3;

/** A worker that has noted a job delays it next; that takes it this long at the most, unless it stands still. */
const NOTED_WITHIN_MS = 3_000;
const LOOK_AGAIN_MS = 100;

/**
 * Wakes all jobs that wait for these purses, and returns how many. Whether what each of them may cost fits by now, the
 * ledger says: those for whom it does not are put off again.
 *
 * A job that is noted and not delayed yet is waited for. One that is really at work is left alone: it needs no waking.
 */
export async function releaseParked(
  purses: readonly string[],
  parking: Parking,
  queues: Queues,
  isMeant: (job: ParkedJob) => boolean = () => true,
): Promise<number> {
  const counts = await Promise.all(purses.map((purse) => releasePurse(purse, parking, queues, isMeant)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Wakes the rows of a batch, whatever they wait for: those of one that was cancelled wait for nothing any more. */
export async function releaseRows(batchId: string, parking: Parking, queues: Queues): Promise<number> {
  return releaseParked(await parking.purses(), parking, queues, ({ jobId }) => isRowOf(batchId, jobId));
}

/** Which purses rows of a batch wait for at this time, and how many rows each. */
export async function countParkedRows(batchId: string, parking: Parking, now: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const purse of await parking.purses()) {
    for await (const page of parking.read(purse)) {
      const rows = page.filter(({ jobId, untilMs }) => untilMs > now && isRowOf(batchId, jobId)).length;
      if (rows > 0) counts.set(purse, (counts.get(purse) ?? 0) + rows);
    }
  }
  return counts;
}

/** Ids of batches may have a `-` in them, too. */
function isRowOf(batchId: string, jobId: string): boolean {
  return jobId.startsWith(`${batchId}-`) && /^\d+$/.test(jobId.slice(batchId.length + 1));
}

async function releasePurse(
  purse: string,
  parking: Parking,
  queues: Queues,
  isMeant: (job: ParkedJob) => boolean,
): Promise<number> {
  let released = 0;
  const active: ParkedJob[] = [];
  const wakeAll = async (jobs: readonly ParkedJob[]): Promise<void> => {
    const found = await Promise.all(jobs.map((job) => wake(job, queues)));
    const isDone = (_: unknown, index: number): boolean => found[index] !== 'active';
    await parking.forget(purse, jobs.filter(isDone));
    released += found.filter((state) => state === 'woken').length;
    active.push(...jobs.filter((_, index) => found[index] === 'active'));
  };
  for await (const page of parking.read(purse)) await wakeAll(page.filter(isMeant));
  const giveUpAt = Date.now() + NOTED_WITHIN_MS;
  while (active.length > 0 && Date.now() < giveUpAt) {
    await sleep(LOOK_AGAIN_MS);
    await wakeAll(active.splice(0));
  }
  return released;
}

/** `active`: a worker has it. `gone`: it ended, or is about to be started anyway. */
async function wake({ lane, jobId }: ParkedJob, queues: Queues): Promise<'woken' | 'active' | 'gone'> {
  const backend = queues.get(lane).getBackend();
  try {
    await backend.promote(jobId);
    return 'woken';
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === NOT_IN_STATE)) throw error;
  }
  const state = await backend.getState(jobId);
  // It may have been delayed just between the two.
  return state === 'active' || state === 'delayed' ? 'active' : 'gone';
}
