import { createProviders } from '../../src/providers/index.ts';
import { releaseParked } from '../../src/producer/parked.ts';
import { Queues } from '../../src/producer/queues.ts';
import { NO_EVIDENCE } from '../../src/domain/evidence.ts';
import { NO_CONTROL } from '../../src/domain/experiment-control.ts';
import { createRouter, estimateTokens } from '../../src/router/index.ts';
import { type BudgetStore, createBudgetStore } from '../../src/store/budgets.ts';
import { gatedModelsOf } from '../../src/store/gates/models.ts';
import { createLedger } from '../../src/store/ledger.ts';
import { createObservationReader } from '../../src/store/observations.ts';
import { type Parking, createParking } from '../../src/store/parking.ts';
import type { PromptJob } from '../../src/domain/job.ts';
import { createCallsUnderWay } from '../../src/workers/calls-under-way.ts';
import type { Services } from '../../src/workers/services.ts';
import type { Harness } from './harness.ts';

/** A question whose call can cost at the most: its prompt and 100 tokens of answer, at $1 and $4 a million. */
export const HELLO = { prompt: 'hello', max_tokens: 100, lane: 'batch' } satisfies PromptJob;
export const HELLO_BOUND_USD = (estimateTokens([{ role: 'user', content: HELLO.prompt }]).bound + 4 * 100) / 1e6;
export const HELLO_BOUND_NANOS = Math.round(HELLO_BOUND_USD * 1e9);

const KEEP_MS = 86_400_000;

/** What `sluice budget` does, for tests that have a harness. */
export type BudgetDesk = {
  budgets: BudgetStore;
  parking: Parking;
  /** Wakes who waits for a purse. */
  release(purse: string): Promise<number>;
  topUp(purse: string, usd: number): Promise<number>;
};

export function openBudgetDesk({ redis, keys, config }: Harness): BudgetDesk {
  const budgets = createBudgetStore(redis, keys, { resultTtlMs: KEEP_MS });
  const parking = createParking(redis, keys, { resultTtlMs: KEEP_MS });
  // Its queues use the harness's connection and have nothing of their own to close.
  const release = (purse: string): Promise<number> => releaseParked([purse], parking, new Queues(redis, config));
  return {
    budgets,
    parking,
    release,
    async topUp(purse, usd) {
      await budgets.topUp(purse, 'total', Math.round(usd * 1e9), false);
      return release(purse);
    },
  };
}

/** What a worker has, at another time by the ledger's clock, and without chance. `close` ends its connections. */
export async function openServices(
  { redis, keys, config, batches }: Harness,
  clockShiftMs: number,
): Promise<{ services: Services; close: () => Promise<void> }> {
  const providers = createProviders(config.providers);
  const observations = createObservationReader(redis, keys, gatedModelsOf(config));
  await observations.refresh();
  const services: Services = {
    config,
    router: createRouter(config),
    ledger: createLedger(redis, keys, { resultTtlMs: KEEP_MS, clockShiftMs }),
    parking: createParking(redis, keys, { resultTtlMs: KEEP_MS }),
    batches,
    providers,
    relay: { send: () => {} },
    observations: () => observations.current(),
    evidence: () => NO_EVIDENCE,
    experiments: () => NO_CONTROL,
    pacer: { pressureFor: () => 1 },
    calls: createCallsUnderWay(),
    turnOf: () => 0,
    notify: () => {},
    now: Date.now,
    random: () => 0.5,
  };
  return { services, close: () => providers.close() };
}
