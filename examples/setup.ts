// What an app and its workers share: the configuration and the Redis.
import { acquireEmbeddedRedis, Config, type RedisTarget } from 'sluice';

export const config = Config.parse({
  redis: { prefix: '{sluice-examples}' },
  providers: {
    sim: { base_url: process.env['SLUICE_SIM_URL'] ?? 'http://127.0.0.1:4010/v1', allow_private: true },
  },
  models: {
    small: {
      provider: 'sim',
      id: 'sim/small-1',
      price: { input: 0.15, output: 0.6 },
      tier: 'small',
      scores: { default: 0.7, simple: 0.95 },
    },
    large: {
      provider: 'sim',
      id: 'sim/large-1',
      price: { input: 2.5, output: 10 },
      tier: 'large',
      scores: { default: 0.92, simple: 0.98 },
    },
  },
  tasks: { simple: { weights: { quality: 0.4, cost: 0.5, latency: 0.1 } } },
  budgets: { examples: { limit_usd: 1, window: 'day' } },
});

/** The Redis of REDIS_URL, else this folder's own, which runs for as long as somebody uses it. */
export async function openRedis(): Promise<{ target: RedisTarget; close: () => Promise<void> }> {
  const url = process.env['REDIS_URL'];
  if (url) return { target: { url }, close: async () => {} };
  const redis = await acquireEmbeddedRedis({ directory: process.cwd(), install: false, log: console.error });
  return { target: redis.connection, close: () => redis.release() };
}
