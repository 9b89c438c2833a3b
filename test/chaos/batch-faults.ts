import type { Books } from './books.ts';
import type { Fault } from './fault.ts';
import { type Scenario, defineFault } from './scenario.ts';
import { profilesAt } from './stage-config.ts';

/** What happens to whole batches. */

const submittedTwice: Scenario = {
  name: 'submitted-twice',
  isShort: true,
  async play(stage, { short }) {
    await stage.startWorkers(2);
    const rows = short ? 300 : 3_000;
    await Promise.all([stage.submit(rows), stage.submit(rows)]);
  },
  verify: (_stage, { figures: { jobs, provider_calls: calls } }) =>
    calls === jobs ? [] : [`${calls} calls for ${jobs} rows`],
};

const BUDGET_USD = 5;
/** 16 tokens at this price: so much a call, held and charged alike. */
const CALL_USD = 0.02;
const ANSWER_TOKENS = 16;
const PRICE = { input: 0, output: (CALL_USD / ANSWER_TOKENS) * 1e6 };

const fiveDollars: Scenario = {
  name: 'thousand-jobs-on-5-usd',
  isShort: true,
  isHeavy: true,
  stage: () => ({
    // A call that is given up is charged without an answer, and that is not what is asked here.
    callTimeout: '60s',
    config: {
      workers: { lock: '30s' },
      models: { small: { provider: 'alpha', id: 'sim/small', price: PRICE } },
      budgets: { five: { limit_usd: BUDGET_USD } },
    },
    profiles: { 'sim/small': { price: PRICE, latency: { p50_ms: 50, p95_ms: 100 } } },
  }),
  async play(stage) {
    await stage.startWorkers(2, { concurrency: 500 });
    await stage.submit(
      Array.from({ length: 1_000 }, (_, row) => ({ id: `r-${row}`, prompt: `Row ${row}.`, max_tokens: ANSWER_TOKENS })),
    );
  },
  async verify(stage, { figures }) {
    const { results } = await stage.books();
    const all = [...results.values()];
    const completed = all.filter(({ status }) => status === 'completed').length;
    const refused = all.filter(
      (result) => result.status === 'failed' && result.error.code === 'BUDGET_EXCEEDED',
    ).length;
    const fitting = BUDGET_USD / CALL_USD;
    const isExact = completed === fitting && completed + refused === figures.jobs && figures.provider_calls === fitting;
    return isExact ? [] : [`${completed} jobs completed and ${refused} were refused, where ${fitting} calls fit`];
  },
};

/** Two workers with two calls each: what was in flight is less than a hundredth of the batch. */
const CONCURRENCY = 2;
const MOST_PASSES = 1.01;

const killedAtHalf: Scenario = {
  name: 'batch-killed-at-half',
  isShort: true,
  stage: () => ({ profiles: profilesAt({ p50_ms: 10, p95_ms: 20 }) }),
  async play(stage, { short }) {
    const rows = short ? 600 : 3_000;
    const workers = await stage.startWorkers(2, { concurrency: CONCURRENCY });
    await stage.submit(rows);
    await stage.untilCount(rows / 2);
    const killed = workers.map((worker) => worker.kill());
    await stage.strike(2 * CONCURRENCY);
    await Promise.all(killed);
    await stage.submit(rows);
    await stage.startWorkers(2, { concurrency: CONCURRENCY });
  },
  async verify(stage, { figures }) {
    const ratio = spendRatioOf(await stage.books());
    const most = MOST_PASSES + figures.duplicate_bound / figures.jobs;
    return ratio <= most ? [] : [`the batch cost ${ratio} times what one pass costs, where ${most} is the most`];
  },
  resumeSpendRatio: async (stage) => spendRatioOf(await stage.books()),
};

/**
 * What the provider did for the batch against what one pass needs. Calls that were broken off count as if they were
 * billed in full: the answer to a row always costs the same.
 */
function spendRatioOf({ calls }: Books): number {
  const nanosOf = new Map<string, number>();
  for (const { request_id: id, cost_nanos: nanos } of calls) {
    const job = rowOf(id);
    nanosOf.set(job, Math.max(nanos, nanosOf.get(job) ?? 0));
  }
  const onePass = [...nanosOf.values()].reduce((sum, nanos) => sum + nanos, 0);
  const all = calls.reduce((sum, { request_id: id }) => sum + (nanosOf.get(rowOf(id)) ?? 0), 0);
  return onePass === 0 ? 0 : all / onePass;
}

function rowOf(attemptId: string | null): string {
  return attemptId?.slice(0, attemptId.lastIndexOf(':')) ?? '';
}

export const BATCH_FAULTS: readonly Fault[] = [submittedTwice, fiveDollars, killedAtHalf].map(defineFault);
