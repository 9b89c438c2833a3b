import { setTimeout as pause } from 'node:timers/promises';
import type { JobResult } from '../../src/domain/result.ts';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { Fault } from './fault.ts';
import { setProviderFaults } from './measures.ts';
import { type Scenario, defineFault } from './scenario.ts';
import type { Stage } from './stage.ts';

const WORKERS = 2;
const IN_FLIGHT = 8;
/** What the stage's configuration allows a call. */
const CALL_WITHIN_MS = 3_000;
const CALL_SLACK_MS = 400;

/** Everybody is sent away for a while; nobody may fail by it, and nobody may hammer. */
const storm: Scenario = {
  name: 'storm-429',
  isShort: true,
  stage: () => ({ faults: [parseFaultRule('*=429,retry_after=1')] }),
  async play(stage, { short }) {
    const stormMs = short ? 3_000 : 30_000;
    await stage.startWorkers(WORKERS);
    await stage.strike(0);
    await stage.submit(short ? 100 : 1_000);
    await pause(stormMs);
    await setProviderFaults(stage, []);
    const { calls } = stage.sim.ledger.totals();
    // When a gate opens again, as many calls as fit find out together that it had better not.
    const most = IN_FLIGHT * (stormMs / 1_000 + 1);
    return calls > most ? [`${calls} calls went out during the storm, more than ${most}`] : [];
  },
  verify: failedIn,
};

/** A part of the first model's answers is broken; the job goes to the next one within the time of a call. */
const brokenAnswers = (name: string, rule: string): Scenario => ({
  name,
  isShort: true,
  stage: () => ({ faults: [parseFaultRule(`sim/small=${rule}`)] }),
  playWithinMs: 120_000,
  async play(stage, { short }) {
    await stage.startWorkers(WORKERS);
    await stage.submit(short ? 24 : 400);
    return [];
  },
  async verify(stage) {
    const results = await resultsIn(stage);
    const attempts = results.flatMap((result) => result.attempts);
    const late = attempts.filter((attempt) => attempt.latency_ms > CALL_WITHIN_MS + CALL_SLACK_MS);
    const models = Object.keys(stage.config.models).length;
    const repeats = results.filter(({ attempts }) => {
      const asked = attempts.slice(0, models).map(({ model }) => model);
      return new Set(asked).size < asked.length;
    });
    return [
      ...(await failedIn(stage)),
      ...repeats.map(({ job_id: id }) => `a model of ${id} was asked again before another one was`),
      ...late.map(({ latency_ms: ms }) => `a call was given up after ${ms} ms instead of ${CALL_WITHIN_MS}`),
      ...(attempts.length > results.length ? [] : ['no answer was broken, so that nothing was tried']),
    ];
  },
});

async function failedIn(stage: Stage): Promise<string[]> {
  const failed = (await resultsIn(stage)).flatMap((result) => (result.status === 'failed' ? [result] : []));
  const first = failed[0];
  return first ? [`${failed.length} jobs failed, such as ${first.job_id}: ${first.error.message}`] : [];
}

async function resultsIn(stage: Stage): Promise<JobResult[]> {
  return [...(await stage.books()).results.values()];
}

export const PROVIDER_FAULTS: readonly Fault[] = [
  storm,
  brokenAnswers('answers-drip', 'drip:0.2,delay_ms=100'),
  brokenAnswers('answers-stall', 'stall:0.2'),
  brokenAnswers('answers-reset', 'reset:0.3'),
].map(defineFault);
