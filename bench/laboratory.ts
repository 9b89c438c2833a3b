import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { acquireEmbeddedRedis, stopEmbeddedRedis } from '../src/store/embedded/index.ts';
import type { SimProfilesInput } from '../src/sim/profiles.ts';
import { type Child, startChild } from './children.ts';

/** A private Redis (unix socket, AOF every second) and the simulated provider, each a process of its own. */
export type Laboratory = {
  socketPath: string;
  simUrl: string;
  sim: Child;
  redis: Redis;
  redisVersion: string;
  /** Empties Redis and its log, so that every run starts on the same ground. */
  clear(): Promise<void>;
  /** CPU time that Redis has used so far, in microseconds. */
  redisCpuUs(): Promise<number>;
};

/** Runs the work in a laboratory and takes it down afterwards, also when the work fails or is interrupted. */
export async function inLaboratory<Result>(
  work: (laboratory: Laboratory) => Promise<Result>,
  profiles?: SimProfilesInput,
): Promise<Result> {
  await using cleanup = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const embedded = await acquireEmbeddedRedis({ directory, install: false, log: console.error });
  cleanup.defer(async () => {
    await embedded.release();
    // After an interruption the processes of the run that was cut off may still be connected.
    await stopEmbeddedRedis(directory);
  });
  const redis = cleanup.adopt(new Redis(embedded.socketPath), (connection) => connection.disconnect());
  const sim = cleanup.adopt(startChild('sim-process.ts'), (child) => child.stop());
  // The log is rewritten between the runs instead of at some moment within one.
  await redis.config('SET', 'auto-aof-rewrite-percentage', '0');
  const laboratory: Laboratory = {
    socketPath: embedded.socketPath,
    simUrl: await sim.ask<string>('start', profiles),
    sim,
    redis,
    redisVersion: embedded.binary.version,
    clear: () => clear(redis),
    redisCpuUs: async () => {
      const cpu = fieldsOf(await redis.info('cpu'));
      return (Number(cpu['used_cpu_user']) + Number(cpu['used_cpu_sys'])) * 1_000_000;
    },
  };
  return await Promise.race([work(laboratory), rejectWhenInterrupted()]);
}

function rejectWhenInterrupted(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(signal)));
  });
}

async function clear(redis: Redis): Promise<void> {
  await redis.flushall('SYNC');
  await redis.bgrewriteaof();
  while (fieldsOf(await redis.info('persistence'))['aof_rewrite_in_progress'] === '1') await sleep(20);
}

function fieldsOf(info: string): Record<string, string> {
  return Object.fromEntries(info.split('\r\n').flatMap((line) => (line.includes(':') ? [line.split(':', 2)] : [])));
}
