import type { Fault } from './fault.ts';
import type { Patch } from './load-patches.ts';
import { type Scenario, defineFault } from './scenario.ts';
import { profilesAt } from './stage-config.ts';

/** What only the books notice. */

const ANSWER_TOKENS = 16;
const CALL_USD = 0.02;
const PRICE = { input: 0, output: (CALL_USD / ANSWER_TOKENS) * 1e6 };
const FITTING = 10;
const CALLS_AT_ONCE = 30;

const rows = (count: number) =>
  Array.from({ length: count }, (_, row) => ({ id: `r-${row}`, prompt: `Row ${row}.`, max_tokens: ANSWER_TOKENS }));

/** More calls at once than the purse has room for; where the first model always fails, the room is for fallbacks. */
const spentPurse = (name: string, faults: Parameters<typeof withFaults>[0]): Scenario => ({
  name,
  isShort: true,
  stage: () => ({ ...withFaults(faults), callTimeout: '30s' }),
  async play(stage) {
    await stage.startWorkers(2, { concurrency: CALLS_AT_ONCE });
    await stage.submit(rows(4 * FITTING));
  },
  endWithinMs: 20_000,
  async verify(stage) {
    const results = [...(await stage.books()).results.values()];
    const completed = results.filter(({ status }) => status === 'completed').length;
    const refused = results.filter((each) => each.status === 'failed' && each.error.code === 'BUDGET_EXCEEDED').length;
    return completed === FITTING && refused === 3 * FITTING
      ? []
      : [`${completed} jobs completed and ${refused} were refused, where ${FITTING} fit`];
  },
});

function withFaults(faults: { model: string; kind: number; rate: number }[]) {
  const latency = { p50_ms: 100, p95_ms: 150 };
  return {
    faults,
    config: {
      models: {
        first: { provider: 'alpha', id: 'sim/first', price: PRICE },
        second: { provider: 'beta', id: 'sim/second', price: PRICE },
      },
      budgets: { small: { limit_usd: FITTING * CALL_USD } },
      routing: { strategy: 'order' as const, default_max_tokens: ANSWER_TOKENS },
    },
    profiles: { 'sim/first': { price: PRICE, latency }, 'sim/second': { price: PRICE, latency } },
  };
}

/** Rates at which a token costs a fraction of a nano-dollar. */
const oddPrices: Scenario = {
  name: 'odd-prices',
  isShort: true,
  stage: () => ({
    config: { models: { odd: { provider: 'alpha', id: 'sim/odd', price: { input: 0.0375, output: 0.1501 } } } },
    profiles: { 'sim/odd': { price: { input: 0.0375, output: 0.1501 }, latency: { p50_ms: 10, p95_ms: 20 } } },
  }),
  async play(stage) {
    await stage.startWorkers(1);
    await stage.submit(60);
  },
  async verify(stage) {
    const { calls, usage } = await stage.books();
    const billed = calls.reduce((sum, call) => sum + call.cost_nanos, 0);
    const recorded = usage.reduce((sum, { record }) => sum + record.cost_nanos, 0);
    return billed === recorded ? [] : [`the provider bills ${billed} nano-dollars, the stream says ${recorded}`];
  },
};

/** Every step to the ledger is taken twice, as by a client whose first reply was lost. */
const TWICE: readonly Patch[] = ['runAdmit', 'runMarkSent', 'runSettle', 'runHistory'].map((step) => ({
  file: 'src/store/ledger.ts',
  find: `await ${step}(`,
  replace: `await twice(${step})(`,
}));
const TWICE_DEFINED: Patch = {
  file: 'src/store/ledger.ts',
  find: 'const REAP_STEP = ',
  replace: `const twice = <Reply>(step: (fields: readonly string[]) => Promise<Reply>) => async (fields: readonly string[]): Promise<Reply> => { await step(fields); return step(fields); };\nconst REAP_STEP = `,
};

const repeatedSteps: Scenario = {
  name: 'replies-lost',
  isShort: true,
  stage: () => ({
    profiles: profilesAt({ p50_ms: 10, p95_ms: 20 }),
    faults: [{ model: 'sim/small', kind: 503, rate: 0.3 }],
  }),
  async play(stage, { short }) {
    for (let workers = 0; workers < 2; workers += 1) await stage.startWorker({ patches: [...TWICE, TWICE_DEFINED] });
    await stage.submit(short ? 120 : 1_000);
  },
};

export const MONEY_FAULTS: readonly Fault[] = [
  spentPurse('purse-of-ten-calls', []),
  spentPurse('purse-of-ten-fallbacks', [{ model: 'sim/first', kind: 503, rate: 1 }]),
  oddPrices,
  repeatedSteps,
].map(defineFault);
