import { setTimeout as pause } from 'node:timers/promises';
import { windowId } from '../../src/domain/budget.ts';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { Fault } from './fault.ts';
import { setProviderFaults, until } from './measures.ts';
import { type Scenario, defineFault } from './scenario.ts';
import type { Stage } from './stage.ts';

const HOUR_MS = 3_600_000;
const LOCK_MS = 1_200;
const RETRY_AFTER_MS = 2_000;
/** For calls that went out before the first refusal was known. */
const CROWD_MS = 600;
/** More than the whole play takes. */
const ROOM_IN_HOUR_MS = 40_000;
const CLOCK_SHIFT = new URL('clock-shift.ts', import.meta.url).href;

const clockOff: Scenario = {
  name: 'clock-off',
  isShort: true,
  async play(stage) {
    const violations: string[] = [];
    for (const shiftMs of [HOUR_MS, -HOUR_MS]) {
      const environment = { SLUICE_CHAOS_CLOCK_MS: String(shiftMs) };
      const refusal = await stage.startWorker({ preloads: [CLOCK_SHIFT], environment }).then(
        async (worker) => void (await worker.kill()),
        (error: Error) => error.message,
      );
      if (refusal === undefined) violations.push(`a worker whose clock is ${shiftMs} ms off took jobs`);
      else if (!/clock/.test(refusal)) violations.push(`it refused for another reason: ${refusal.slice(0, 300)}`);
    }
    await stage.startWorker();
    await stage.submit(20);
    return violations;
  },
};

/**
 * While jobs wait for as long as a provider told them, the clock of the only worker jumps. Afterwards calls last longer
 * than a lock, and another worker looks for lost ones. In the end that one is alone: whatever was put off by the wrong
 * clock is for it to do.
 */
const clockJumps = (name: string, shiftMs: number): Scenario => ({
  name,
  isShort: true,
  stage: () => ({
    faults: [parseFaultRule(`*=429,retry_after=${RETRY_AFTER_MS / 1_000}`)],
    config: { budgets: { everything: { limit_usd: 1_000, window: 'hour' } } },
  }),
  async play(stage, { short }) {
    const jobs = short ? 40 : 100;
    const environment = { SLUICE_CHAOS_CLOCK_MS: String(shiftMs), SLUICE_CHAOS_CLOCK_AT: 'signal' };
    const jumper = await stage.startWorker({ preloads: [CLOCK_SHIFT], environment });
    await untilHourHasTime();
    await stage.submit(jobs);
    await until('the first refusal', () => stage.sim.ledger.totals().failed > 0);
    const refusedAt = Date.now();
    await pause(CROWD_MS);
    await setProviderFaults(stage, [`*=slow:0.3,delay_ms=${1.5 * LOCK_MS}`]);
    const jumpedAt = Date.now();
    jumper.signal('SIGUSR2');
    await pause(refusedAt + RETRY_AFTER_MS - jumpedAt);
    await stage.startWorker();
    await pause(2 * LOCK_MS);
    await jumper.stop();
    const wantedAt = refusedAt + RETRY_AFTER_MS - CROWD_MS;
    const early = stage.sim.ledger.calls().filter(({ at }) => at > jumpedAt && at < wantedAt);
    return early.length > 0 ? [`${early.length} calls went out before the provider wanted them`] : [];
  },
  playWithinMs: ROOM_IN_HOUR_MS + 20_000,
  endWithinMs: 20_000,
  verify: strayPurses,
});

/** What is charged next shall be charged in one window, if all goes well. */
async function untilHourHasTime(): Promise<void> {
  const leftMs = HOUR_MS - (Date.now() % HOUR_MS);
  if (leftMs < ROOM_IN_HOUR_MS) await pause(leftMs);
}

/** By Redis' clock, which is this process's here. */
async function strayPurses(stage: Stage): Promise<string[]> {
  const { purses } = await stage.books();
  const hour = windowId('hour', Date.now());
  const stray = purses.filter(({ window }) => window !== hour);
  return stray.map(({ purse, window }) => `the budget ${purse} was charged in the window ${window}`);
}

export const CLOCK_FAULTS: readonly Fault[] = [
  clockOff,
  clockJumps('clock-jumps-ahead', HOUR_MS),
  clockJumps('clock-jumps-back', -HOUR_MS),
].map(defineFault);
