import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { Producer } from '../../src/producer/producer.ts';
import type { FaultRule } from '../../src/sim/faults.ts';
import { type Sim, startSim } from '../../src/sim/server.ts';
import { WorkerPool } from '../../src/workers/pool.ts';
import { type FaultProxy, startFaultProxy } from '../chaos/fault-proxy.ts';
import { type RedisServer, startRedisServer } from '../chaos/redis-server.ts';
import { type ConfigInput, type Stores, openStores, threeModels, uniquePrefix } from './harness.ts';

/** An installation on a Redis of its own, which may be treated badly. What is started here ends with the test. */
export type OwnRedisStage = Stores & {
  server: RedisServer;
  /** Between pools that are started `'behind-proxy'` and Redis. */
  proxy: FaultProxy;
  sim: Sim;
  config: Config;
  producer: Producer;
  /** What the pools logged at `warn` and above. */
  lines: Record<string, unknown>[];
  /** Not started yet. */
  createPool: (where?: 'behind-proxy') => WorkerPool;
};

const url = (port: number): string => `redis://127.0.0.1:${port}`;

export async function startOwnRedis(serverArguments: readonly string[] = []): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-own-'));
  const server = await startRedisServer({ directory, extraArguments: serverArguments });
  onTestFinished(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });
  return server;
}

export async function openOwnRedisStage(
  options: { faults?: readonly FaultRule[]; latencyMs?: number; config?: Partial<ConfigInput> } = {},
): Promise<OwnRedisStage> {
  const server = await startOwnRedis();
  const proxy = await startFaultProxy(server.port);
  onTestFinished(() => proxy.close());
  const latency = { p50_ms: options.latencyMs ?? 0, p95_ms: options.latencyMs ?? 0 };
  const models = threeModels();
  const sim = await startSim({
    profiles: Object.fromEntries(Object.values(models).map(({ id, price }) => [id, { price, latency }])),
    ...(options.faults ? { faults: options.faults } : {}),
  });
  onTestFinished(() => sim.stop());
  const provider = { base_url: sim.url, allow_private: true, timeout: '20s' };
  const config = Config.parse({
    providers: { alpha: provider, beta: provider },
    models,
    routing: { strategy: 'order', default_max_tokens: 256 },
    budgets: { everything: { limit_usd: 1_000 } },
    circuit: { failures: 10_000 },
    redis: { prefix: uniquePrefix() },
    ...options.config,
  });
  const stores = openStores(config.redis.prefix, url(server.port));
  const producer = new Producer({ config, redis: { url: url(server.port) } });
  onTestFinished(async () => {
    await producer.close();
    stores.redis.disconnect();
  });
  const lines: OwnRedisStage['lines'] = [];
  const logger = pino(
    { level: 'warn' },
    { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const createPool: OwnRedisStage['createPool'] = (where) => {
    const port = where === 'behind-proxy' ? proxy.port : server.port;
    const pool = new WorkerPool({ config, redis: { url: url(port) }, logger });
    onTestFinished(() => pool.stop(0));
    return pool;
  };
  return { ...stores, server, proxy, sim, config, producer, lines, createPool };
}
