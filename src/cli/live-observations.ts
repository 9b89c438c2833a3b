import { embeddedRedisStatus } from '../store/embedded/index.ts';
import { createKeys } from '../store/keys.ts';
import type { Config } from '../domain/config.ts';
import { gatedModelsOf } from '../store/gates/models.ts';
import { type Observations, createObservationReader } from '../store/observations.ts';
import type { Context } from './context.ts';
import { openRedis } from './redis.ts';

export type LiveObservations = Observations & {
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
      const reader = createObservationReader(open.redis, createKeys(redis.prefix), gatedModelsOf(config));
      await reader.refresh();
      const observations = reader.current();
      const calls = [...observations.latencies.values()].reduce((sum, { count }) => sum + count, 0);
      return { ...observations, isLive: true, source: sourceOf(calls) };
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
  isLive: false,
} as const;
