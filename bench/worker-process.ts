import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { Pool } from 'undici';
import { Config } from '../src/domain/config.ts';
import type { QueuedJob } from '../src/domain/job.ts';
import { WorkerPool } from '../src/workers/pool.ts';
import { serveParent } from './children.ts';
import { BARE_PREFIX, benchConfig, FAST_MODEL, LANE, SLOW_MODEL } from './workload.ts';

/** One worker process: Sluice's own, or the bare one that it is measured against. */

export type WorkerSettings = {
  kind: 'bare' | 'sluice';
  socketPath: string;
  simUrl: string;
  concurrency: number;
  /** Instead of the usual one; as in `sluice.yaml`. */
  config?: unknown;
};

export type WorkerUsage = {
  cpuUs: number;
  /** Commands sent to Redis so far, by the name of the connection. */
  commands: Record<string, number>;
};

const commands: Record<string, number> = {};
let stop: (() => Promise<void>) | undefined;

countCommands();
serveParent(
  {
    async start(settings: WorkerSettings): Promise<void> {
      stop = await (settings.kind === 'bare' ? startBare(settings) : startSluice(settings));
    },
    usage(): WorkerUsage {
      const { user, system } = process.cpuUsage();
      return { cpuUs: user + system, commands };
    },
  },
  async () => stop?.(),
);

async function startSluice({ socketPath, simUrl, concurrency, config }: WorkerSettings): Promise<() => Promise<void>> {
  const pool = new WorkerPool({
    config: config === undefined ? benchConfig(simUrl) : Config.parse(config),
    redis: { path: socketPath },
    logger: pino({ level: 'info' }),
    concurrency,
  });
  await pool.start();
  return () => pool.stop();
}

/** The ceiling: what anybody would write first. It picks no model, keeps no bill and no result, and survives nothing. */
async function startBare({ socketPath, simUrl, concurrency }: WorkerSettings): Promise<() => Promise<void>> {
  const { origin, pathname } = new URL(simUrl);
  const http = new Pool(origin, { connections: concurrency, headersTimeout: 0, bodyTimeout: 0 });
  const redis = new Redis(socketPath, { maxRetriesPerRequest: null, connectionName: 'bare' });
  const answer = async ({ data }: { data: QueuedJob }): Promise<{ model: string; tokens: number }> => {
    const model = data.task === 'slow' ? SLOW_MODEL : FAST_MODEL;
    const { body } = await http.request({
      method: 'POST',
      path: `${pathname}/chat/completions`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: data.prompt }],
        max_tokens: data.max_tokens,
      }),
    });
    const completion = (await body.json()) as { model: string; usage: { total_tokens: number } };
    return { model: completion.model, tokens: completion.usage.total_tokens };
  };
  const worker = new Worker<QueuedJob>(LANE, answer, {
    connection: redis,
    prefix: BARE_PREFIX,
    concurrency,
    removeOnComplete: { age: 86_400, count: 5_000 },
  });
  worker.on('error', (error) => console.error(error.message));
  await worker.waitUntilReady();
  return async () => {
    await worker.close();
    await http.destroy();
    redis.disconnect();
  };
}

/** At the one door that every command goes through; both kinds of worker pay for it alike. */
function countCommands(): void {
  const send = Object.getOwnPropertyDescriptor(Redis.prototype, 'sendCommand')?.value as Redis['sendCommand'];
  Redis.prototype.sendCommand = function (...given) {
    const name = this.options.connectionName ?? '';
    commands[name] = (commands[name] ?? 0) + 1;
    return send.apply(this, given);
  };
}
