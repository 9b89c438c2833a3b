import type { Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import { within } from './deadline.ts';
import { type GateReadings, renderGates } from './gate-metrics.ts';
import { CONTENT_TYPE, createSeries } from './prometheus.ts';
import type { UsageTally } from './usage-tally.ts';

const REDIS_ANSWERS_WITHIN_MS = 2_000;
/** Shorter than Prometheus' own time-out of ten seconds. */
const CATCH_UP_WITHIN_MS = 5_000;

/** `/metrics`: the queues and the gates as they are now, and everything that the usage stream adds up to. */
export function addMetrics(
  app: FastifyInstance,
  queues: readonly Queue[],
  tally: UsageTally,
  readGates: () => Promise<GateReadings>,
): void {
  app.get('/metrics', async (_request, reply) => {
    const [queueMetrics, gateMetrics] = await Promise.all([
      within(REDIS_ANSWERS_WITHIN_MS, renderQueues(queues)).catch(() => undefined),
      within(REDIS_ANSWERS_WITHIN_MS, readGates().then(renderGates)).catch(() => []),
      within(CATCH_UP_WITHIN_MS, tally.caughtUp).catch(() => {}),
    ]);
    const up = createSeries('gauge', { name: 'sluice_redis_up', help: '1 when Redis answers, else 0.' });
    up.add({}, queueMetrics === undefined ? 0 : 1);
    const families = [up.render(), ...(queueMetrics ?? []), ...gateMetrics, ...tally.render()];
    return reply.type(CONTENT_TYPE).send(families.join(''));
  });
}

async function renderQueues(queues: readonly Queue[]): Promise<string[]> {
  const jobs = createSeries('gauge', { name: 'sluice_jobs', help: 'Jobs in a queue, by state.' });
  const workers = createSeries('gauge', { name: 'sluice_workers', help: 'Workers that are connected to a queue.' });
  await Promise.all(
    queues.map(async (queue) => {
      const lane = queue.name;
      const [counts, connected] = await Promise.all([queue.getJobCounts(), countWorkers(queue)]);
      const waiting = (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0);
      for (const [state, count] of Object.entries({ ...pickStates(counts), waiting })) jobs.add({ lane, state }, count);
      if (connected !== undefined) workers.add({ lane }, connected);
    }),
  );
  return [jobs.render(), workers.render()];
}

function pickStates(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(['active', 'delayed', 'completed', 'failed'].map((state) => [state, counts[state] ?? 0]));
}

/** Undefined where Redis keeps CLIENT LIST to itself; BullMQ then throws, or lists a stand-in without an address. */
async function countWorkers(queue: Queue): Promise<number | undefined> {
  const clients = await queue.getWorkers().catch(() => undefined);
  if (clients?.some((client) => client['addr'] === undefined)) return undefined;
  return clients?.length;
}
