import { pino } from 'pino';
import { Config } from '../../src/domain/config.ts';
import { WorkerPool } from '../../src/workers/pool.ts';
import { assertAllPatched } from './load-patches.ts';

/** A worker process of the stage. It is told what to do as JSON in its first argument. */

export type WorkerOrders = { config: unknown; redisUrl: string; concurrency: number };

/** What it is told over the IPC channel. */
export type WorkerMessage = { blockMs: number };

const orders = JSON.parse(process.argv[2] ?? '') as WorkerOrders;
assertAllPatched();

const pool = new WorkerPool({
  config: Config.parse(orders.config),
  redis: { url: orders.redisUrl },
  logger: pino({ level: process.env['SLUICE_CHAOS_LOG'] ?? 'silent' }, pino.destination(2)),
  concurrency: orders.concurrency,
});

process.once('SIGTERM', () => void pool.stop().then(() => process.exit(0)));
// Without the stage nobody would ever end it.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', ({ blockMs }: WorkerMessage) => {
  const until = performance.now() + blockMs;
  while (performance.now() < until);
});

await pool.start();
process.send?.('ready');
