import { setTimeout as pause } from 'node:timers/promises';
import { CRASH_POINTS, type CrashPoint, blockBeforeCall, crashAt } from './crash-points.ts';
import type { Fault } from './fault.ts';
import { createRandom } from './random.ts';
import { type Scenario, defineFault } from './scenario.ts';
import type { Stage } from './stage.ts';
import { profilesAt } from './stage-config.ts';

/** What happens to worker processes. */

/** Long enough that most of a worker's life is spent waiting for answers. */
const slowStage: Scenario['stage'] = () => ({ profiles: profilesAt({ p50_ms: 100, p95_ms: 200 }) });

/** Calls that outlast the fault: their answers are there when the worker comes back to jobs that it has no more. */
const patientStage: Scenario['stage'] = () => ({
  profiles: profilesAt({ p50_ms: 100, p95_ms: 200 }),
  callTimeout: '10s',
});

const killedAtRandom: Scenario = {
  name: 'kill-worker',
  isShort: true,
  stage: slowStage,
  playWithinMs: 180_000,
  async play(stage, { seed, short }) {
    const random = createRandom(seed);
    await stage.startWorkers(2);
    await stage.submit(short ? 200 : 1_500);
    for (let left = short ? 3 : 20; left > 0; left -= 1) {
      await pause(100 + 500 * random());
      const running = stage.workers.filter((worker) => worker.isRunning);
      const victim = running[Math.floor(random() * running.length)];
      if (!victim) return ['no worker is left'];
      const killed = victim.kill();
      await stage.strike(victim.concurrency);
      await killed;
      await stage.startWorker();
    }
    return [];
  },
};

const killedAt = (point: CrashPoint): Scenario => ({
  name: `kill-${point}`,
  isShort: true,
  stage: slowStage,
  playWithinMs: 120_000,
  async play(stage, { seed, short }) {
    const random = createRandom(seed);
    const startDoomed = () => stage.startWorker({ patches: [crashAt(point, 3 + Math.floor(random() * 8))] });
    let doomed = await startDoomed();
    await stage.startWorker();
    const rounds = short ? 1 : 5;
    await stage.submit(short ? 80 : 800);
    for (let round = 1; round <= rounds; round += 1) {
      const { signal } = await doomed.exited;
      if (signal !== 'SIGKILL') return ['the worker did not die where it should'];
      await stage.strike(doomed.concurrency);
      if (round < rounds) doomed = await startDoomed();
    }
    return [];
  },
});

const rollingSigterm: Scenario = {
  name: 'rolling-sigterm',
  isShort: true,
  stage: slowStage,
  async play(stage, { short }) {
    await stage.startWorkers(2);
    await stage.submit(short ? 200 : 1_000);
    for (let round = short ? 1 : 4; round > 0; round -= 1) {
      for (const leaver of stage.workers.filter((worker) => worker.isRunning)) {
        const [{ code, signal }] = await Promise.all([leaver.stop(), stage.startWorker()]);
        if (code !== 0) return [`a worker that was told to stop ended with ${code ?? signal}`];
      }
    }
    return [];
  },
};

const suspended: Scenario = {
  name: 'sigstop',
  isShort: true,
  stage: patientStage,
  async play(stage, { short }) {
    const [victim] = await stage.startWorkers(2);
    if (!victim) return ['no worker'];
    await stage.submit(short ? 200 : 1_000);
    for (let round = short ? 1 : 5; round > 0; round -= 1) {
      await untilBusy(stage);
      victim.signal('SIGSTOP');
      await stage.strike(victim.concurrency);
      await pause(3 * stage.config.workers.lock);
      victim.signal('SIGCONT');
    }
    return [];
  },
};

const blocked: Scenario = {
  name: 'blocked-event-loop',
  isShort: true,
  stage: patientStage,
  async play(stage, { short }) {
    const [victim] = await stage.startWorkers(2);
    if (!victim) return ['no worker'];
    await stage.submit(short ? 200 : 1_000);
    const blockMs = 3 * stage.config.workers.lock;
    for (let round = short ? 1 : 5; round > 0; round -= 1) {
      await untilBusy(stage);
      victim.block(blockMs);
      await stage.strike(victim.concurrency);
      await pause(blockMs + 200);
    }
    return [];
  },
};

/** The calls are marked as sent, and may go out; but when the worker comes to making them, their locks are long lost. */
const blockedBeforeCall: Scenario = {
  name: 'blocked-before-call',
  isShort: true,
  stage: patientStage,
  async play(stage, { seed, short }) {
    const random = createRandom(seed);
    const blockMs = 3 * stage.config.workers.lock;
    const startVictim = () => stage.startWorker({ patches: [blockBeforeCall(3 + Math.floor(random() * 8), blockMs)] });
    const victims = await Promise.all(Array.from({ length: short ? 1 : 3 }, startVictim));
    await stage.startWorker();
    await stage.strike(victims.reduce((sum, victim) => sum + victim.concurrency, 0));
    await stage.submit(short ? 200 : 1_000);
    return [];
  },
};

/** The next strikes shall hit work, not a worker that waits for the first job. */
async function untilBusy(stage: Stage): Promise<void> {
  await stage.untilCount((await stage.countEnded()) + 10);
}

export const PROCESS_FAULTS: readonly Fault[] = [
  killedAtRandom,
  ...CRASH_POINTS.map(killedAt),
  rollingSigterm,
  suspended,
  blocked,
  blockedBeforeCall,
].map(defineFault);
