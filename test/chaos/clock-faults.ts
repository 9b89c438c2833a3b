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
/** For a call that went out before the first refusal was known. */
const CROWD_MS = 300;
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
 * While jobs wait for what a provider told them, the clock of one of two workers jumps. Afterwards calls last longer than
 * a lock. In the end only the other worker is there: what the first one put off by its own clock is overdue.
 */
const clockJumps = (name: string, shiftMs: number): Scenario => ({
  name,
  isShort: true,
  stage: () => ({
    faults: [parseFaultRule(`*=429,retry_after=${RETRY_AFTER_MS / 1_000}`)],
    config: { budgets: { everything: { limit_usd: 1_000, window: 'hour' } } },
  }),
  async play(stage, { short }) {
    const jobs = short ? 40 : 400;
    const environment = { SLUICE_CHAOS_CLOCK_MS: String(shiftMs), SLUICE_CHAOS_CLOCK_AT: 'signal' };
    const [jumper] = await Promise.all([
      stage.startWorker({ preloads: [CLOCK_SHIFT], environment }),
      stage.startWorker(),
    ]);
    await stage.submit(jobs);
    await until('the first refusal', () => stage.sim.ledger.totals().failed > 0);
    const refusedAt = Date.now();
    await pause(CROWD_MS);
    await setProviderFaults(stage, [`*=slow:0.3,delay_ms=${1.5 * LOCK_MS}`]);
    jumper.signal('SIGUSR2');
    await pause(refusedAt + RETRY_AFTER_MS + 2 * LOCK_MS - Date.now());
    await jumper.stop();
    const early = stage.sim.ledger
      .calls()
      .filter(({ at }) => at > refusedAt + CROWD_MS && at < refusedAt + RETRY_AFTER_MS - CROWD_MS);
    return early.length > 0 ? [`${early.length} calls went out before the provider wanted them`] : [];
  },
  endWithinMs: 20_000,
  verify: strayPurses,
});

/** By Redis' clock, which is this process's here. */
async function strayPurses(stage: Stage): Promise<string[]> {
  const { purses } = await stage.books();
  const hours = new Set([Date.now(), Date.now() - 60_000].map((time) => windowId('hour', time)));
  const stray = purses.filter(({ window }) => !hours.has(window));
  return stray.map(({ purse, window }) => `the budget ${purse} was charged in the window ${window}`);
}

export const CLOCK_FAULTS: readonly Fault[] = [
  clockOff,
  clockJumps('clock-jumps-ahead', HOUR_MS),
  clockJumps('clock-jumps-back', -HOUR_MS),
].map(defineFault);
