import type { Queue } from 'bullmq';

/** How a lane stands. */
export type LaneReading = {
  lane: string;
  waiting: number;
  active: number;
  delayed: number;
  completed: number;
  failed: number;
  /** Nobody takes jobs out of it until it is resumed. */
  isPaused: boolean;
  /** Workers that are connected; undefined where Redis does not tell. */
  workers: number | undefined;
};

export function readLanes(queues: readonly Queue[]): Promise<LaneReading[]> {
  return Promise.all(queues.map(readLane));
}

async function readLane(queue: Queue): Promise<LaneReading> {
  const [counts, workers] = await Promise.all([queue.getJobCounts(), countWorkers(queue)]);
  const count = (state: string): number => counts[state] ?? 0;
  return {
    lane: queue.name,
    waiting: count('waiting') + count('prioritized') + count('paused'),
    active: count('active'),
    delayed: count('delayed'),
    completed: count('completed'),
    failed: count('failed'),
    isPaused: count('paused') > 0,
    workers,
  };
}

/** Undefined where Redis keeps CLIENT LIST to itself; BullMQ then throws, or lists a stand-in without an address. */
async function countWorkers(queue: Queue): Promise<number | undefined> {
  const clients = await queue.getWorkers().catch(() => undefined);
  if (clients?.some((client) => client['addr'] === undefined)) return undefined;
  return clients?.length;
}
