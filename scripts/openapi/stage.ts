import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Config } from '../../src/domain/config.ts';
import { startGateway } from '../../src/gateway/index.ts';
import { startSim } from '../../src/sim/server.ts';
import { acquireEmbeddedRedis } from '../../src/store/embedded/index.ts';
import { WorkerPool } from '../../src/workers/index.ts';

const PRICE = { input: 1, output: 4 };
const AT_ONCE = { p50_ms: 0, p95_ms: 0 };

export const MODELS = {
  chat: 'chat',
  failing: 'failing',
  broken: 'broken',
  slow: 'slow',
  embedding: 'embedding',
} as const;

/** A whole installation in a folder of its own that is thrown away: Redis, simulated models, workers, gateway. */
export async function openStage(): Promise<{ url: string; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-openapi-'));
  const closing: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).toReversed()) await step();
  };
  try {
    const redis = await acquireEmbeddedRedis({ directory: folder, install: false, log: () => {} });
    closing.push(() => redis.release());
    const sim = await startSim({
      profiles: {
        'sim/chat': { price: PRICE, latency: AT_ONCE },
        'sim/failing': { price: PRICE, latency: AT_ONCE },
        'sim/broken': { price: PRICE, latency: AT_ONCE },
        'sim/slow': { price: PRICE, latency: { p50_ms: 60_000, p95_ms: 60_000 } },
        'sim/embedding': { price: PRICE, latency: AT_ONCE, embeddings: 64 },
      },
      faults: [
        { model: 'sim/failing', kind: 500, rate: 1 },
        { model: 'sim/broken', kind: 'error-in-200', rate: 1 },
      ],
    });
    closing.push(() => sim.stop());
    const config = configOf(sim.url);
    const logger = pino({ level: 'silent' });
    const target = redis.connection;
    const pool = new WorkerPool({ config, redis: target, logger });
    closing.push(() => pool.stop());
    await pool.start();
    const gateway = await startGateway({ config, redis: target, logger, folder, port: 0, allowAnonymous: true });
    closing.push(() => gateway.stop(0));
    return { url: gateway.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function configOf(simUrl: string): Config {
  const model = { provider: 'sim', price: PRICE } as const;
  return Config.parse({
    providers: { sim: { base_url: simUrl, allow_private: true } },
    models: {
      [MODELS.chat]: { ...model, id: 'sim/chat', context: 32_000, capabilities: ['tools', 'json', 'reasoning'] },
      [MODELS.failing]: { ...model, id: 'sim/failing', context: 32_000 },
      [MODELS.broken]: { ...model, id: 'sim/broken', context: 32_000 },
      [MODELS.slow]: { ...model, id: 'sim/slow', context: 32_000 },
      [MODELS.embedding]: { ...model, id: 'sim/embedding', capabilities: ['embeddings'] },
    },
    tasks: { coding: { description: 'Code', models: [MODELS.chat] } },
    // Nothing is to be waited for.
    circuit: { failures: 10_000 },
    gateway: { body_limit_bytes: 100_000 },
  });
}
