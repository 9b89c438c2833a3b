import { embeddedRedisStatus } from '../store/embedded/index.ts';
import { createKeys } from '../store/keys.ts';
import { type Evidence, NO_EVIDENCE } from '../domain/evidence.ts';
import type { Config } from '../domain/config.ts';
import { type ExperimentControl, NO_CONTROL } from '../domain/experiment-control.ts';
import { createEvidenceReader } from '../store/evidence/reader.ts';
import { createExperimentControlReader } from '../store/experiments/orders.ts';
import { gatedModelsOf } from '../store/gates/models.ts';
import { type Observations, createObservationReader } from '../store/observations.ts';
import type { Context } from './context.ts';
import { openRedis } from './redis.ts';

export type LiveObservations = Observations & {
  /** What was learned of the models. */
  evidence: Evidence;
  /** Which experiments were stopped or promoted. */
  experiments: ExperimentControl;
  /** For a person: where they are from, or why there are none. */
  source: string;
  isLive: boolean;
};

/** What the workers saw of the models, when a Redis is running; none is started for it. */
export async function readLiveObservations(context: Context, config: Config): Promise<LiveObservations> {
  const { redis } = config;
  const isNamed = Boolean(context.env['REDIS_URL'] || redis.url);
  try {
    if (!isNamed && !(await embeddedRedisStatus(context.directory)).running) {
      return { ...NOTHING_SEEN, source: 'no Redis is running here' };
    }
    const open = await openRedis(context, redis.url);
    try {
      const keys = createKeys(redis.prefix);
      const reader = createObservationReader(open.redis, keys, gatedModelsOf(config));
      const evidence = createEvidenceReader(open.redis, keys);
      const experiments = createExperimentControlReader(open.redis, keys);
      await Promise.all([reader.refresh(), evidence.refresh(), experiments.refresh()]);
      const observations = reader.current();
      const calls = [...observations.latencies.values()].reduce((sum, { count }) => sum + count, 0);
      const learned = { evidence: evidence.current(), experiments: experiments.current() };
      return { ...observations, ...learned, isLive: true, source: sourceOf(calls) };
    } finally {
      await open.close();
    }
  } catch (error) {
    return { ...NOTHING_SEEN, source: error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'no answer' };
  }
}

function sourceOf(calls: number): string {
  return `the last ${calls === 1 ? 'call' : `${calls} calls`} of these models`;
}

const NOTHING_SEEN = {
  latencies: new Map(),
  closedUntil: new Map(),
  throttledUntil: new Map(),
  closedFor: new Map(),
  evidence: NO_EVIDENCE,
  experiments: NO_CONTROL,
  isLive: false,
} as const;
