import type { Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import { within } from './deadline.ts';
import { type GateReadings, renderGates } from './gate-metrics.ts';
import { type LaneReading, readLanes } from './lanes.ts';
import { CONTENT_TYPE, createSeries } from './prometheus.ts';
import type { UsageTally } from './usage-tally.ts';

const STATES = ['waiting', 'active', 'delayed', 'completed', 'failed'] as const;
const REDIS_ANSWERS_WITHIN_MS = 2_000;
/** Shorter than Prometheus' own time-out of ten seconds. */
const CATCH_UP_WITHIN_MS = 5_000;

export type MetricSources = {
  queues: readonly Queue[];
  readGates: () => Promise<GateReadings>;
  /** Batches, dead letters and budgets, rendered. */
  readState: () => Promise<string[]>;
  /** Started by the first call: a server that nobody scrapes does not read the usage stream. */
  startTally: () => UsageTally;
};

/** `/metrics`: queues, gates, batches and budgets as they are now, and everything that the usage stream adds up to. */
export function addMetrics(app: FastifyInstance, sources: MetricSources): void {
  app.get('/metrics', async (_request, reply) => {
    const tally = sources.startTally();
    const [lanes, gates, state] = await Promise.all([
      within(REDIS_ANSWERS_WITHIN_MS, readLanes(sources.queues).then(renderLanes)).catch(() => undefined),
      within(REDIS_ANSWERS_WITHIN_MS, sources.readGates().then(renderGates)).catch(() => []),
      within(REDIS_ANSWERS_WITHIN_MS, sources.readState()).catch(() => []),
      within(CATCH_UP_WITHIN_MS, tally.caughtUp).catch(() => {}),
    ]);
    const up = createSeries('gauge', { name: 'sluice_redis_up', help: '1 when Redis answers, else 0.' });
    up.add({}, lanes === undefined ? 0 : 1);
    return reply
      .type(CONTENT_TYPE)
      .send([up.render(), ...(lanes ?? []), ...gates, ...state, ...tally.render()].join(''));
  });
}

function renderLanes(lanes: readonly LaneReading[]): string[] {
  const jobs = createSeries('gauge', { name: 'sluice_jobs', help: 'Jobs in a queue, by state.' });
  const workers = createSeries('gauge', { name: 'sluice_workers', help: 'Workers that are connected to a queue.' });
  for (const { lane, workers: connected, ...reading } of lanes) {
    for (const state of STATES) jobs.add({ lane, state }, reading[state]);
    if (connected !== undefined) workers.add({ lane }, connected);
  }
  return [jobs.render(), workers.render()];
}
