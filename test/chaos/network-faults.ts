import { setTimeout as pause } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { setProviderFaults, until } from './measures.ts';
import { type Scenario, defineFault } from './scenario.ts';
import { LANE } from './stage-config.ts';
import { startWorkerProcess } from './worker-process.ts';

const CONCURRENCY = 4;
const WORKERS = 2;
const LOCK_MS = 1_200;
/** A timer may come late, and the provider sees a little later that its caller has gone. */
const ABORT_WITHIN_MS = LOCK_MS + 500;

/** One worker cannot reach Redis for longer than its locks last; another one can, and takes its jobs over. */
const partition: Scenario = {
  name: 'partition',
  isShort: true,
  // What is called now would be answered long after the lock.
  stage: () => ({ hasRedisProxy: true, faults: [{ model: '*', kind: 'slow', rate: 1, delayMs: 2.2 * LOCK_MS }] }),
  async play(stage, { short, plant }) {
    const { ledger } = stage.sim;
    const violations: string[] = [];
    const cutOff = await stage.startWorker();
    await stage.submit(short ? 24 : 400);
    await until('the calls of the worker to go out', () => ledger.totals().calls === CONCURRENCY);
    await setProviderFaults(stage, []);
    const good = startWorkerProcess({
      config: stage.configInput,
      concurrency: CONCURRENCY,
      patches: plant?.patches ?? [],
      redisUrl: `redis://127.0.0.1:${stage.server.port}`,
    });
    stage.workers.push(good);
    await stage.strike(CONCURRENCY);
    stage.redisProxy.blackhole();
    const brokenOff = until(
      'calls to end with the lock',
      () => ledger.totals().aborted >= CONCURRENCY,
      ABORT_WITHIN_MS,
    );
    const [lateness] = await Promise.allSettled([brokenOff, good.ready]);
    if (lateness.status === 'rejected') {
      violations.push(`${CONCURRENCY - ledger.totals().aborted} of ${CONCURRENCY} calls went on after the lock`);
    }
    await pause(short ? 2 * LOCK_MS : 10 * LOCK_MS);
    stage.redisProxy.heal();
    await stage.untilEnded();
    // It takes jobs again, now that there is nobody else.
    await good.stop();
    await stage.submit(2 * CONCURRENCY, { id: 'afterwards' });
    await stage.untilEnded();
    if (!cutOff.isRunning) violations.push('the worker that was cut off has ended');
    return violations;
  },
};

/** Slower than anybody should have, and not so slow that a lock of the usual length is lost by it. */
const latency: Scenario = {
  name: 'redis-latency-2s',
  isShort: true,
  stage: () => ({
    hasRedisProxy: true,
    config: { workers: { lock: '10s', grace: '5s' }, lanes: { [LANE]: { share: 1, max_wait: '5s' } } },
  }),
  playWithinMs: 120_000,
  async play(stage, { short }) {
    const jobs = short ? 100 : 400;
    await stage.startWorkers(WORKERS);
    await stage.submit(jobs);
    await stage.untilCount(0.3 * jobs);
    await stage.strike(0, { isForAll: true });
    stage.redisProxy.delay(1_000);
    await pause(short ? 4_000 : 60_000);
    stage.redisProxy.heal();
    return [];
  },
};

const brokenConnections: Scenario = {
  name: 'redis-connections-reset',
  isShort: true,
  stage: () => ({ hasRedisProxy: true }),
  async play(stage, { short }) {
    const jobs = short ? 200 : 2_000;
    await stage.startWorkers(WORKERS);
    await stage.submit(jobs);
    for (const share of short ? [0.2, 0.4, 0.6] : [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) {
      await stage.untilCount(share * jobs);
      await stage.strike(WORKERS * CONCURRENCY);
      stage.redisProxy.reset();
    }
    return [];
  },
};

export const NETWORK_FAULTS: readonly Fault[] = [partition, latency, brokenConnections].map(defineFault);
