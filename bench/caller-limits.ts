import { CircuitConfig } from '../src/domain/config.ts';
import type { CallerClaim } from '../src/domain/gate.ts';
import type { UsageRecord } from '../src/domain/usage.ts';
import { createKeys } from '../src/store/keys.ts';
import { type AdmitRequest, type Ledger, createLedger, type SettleRequest } from '../src/store/ledger.ts';
import { figureOf } from './figures.ts';
import type { Laboratory } from './laboratory.ts';

/** Jobs of as many users, so that hardly any gate is met twice. */
const JOBS = 10_000;
/** What one worker process asks for at once. */
const AT_ONCE = 25;
const WIDE = { requests_per_minute: 10_000_000, tokens_per_minute: 1_000_000_000, concurrency: 100_000 };

const LIMITS: readonly ((user: string) => CallerClaim[])[] = [
  () => [],
  (user) => [{ limit: 'user', caller: user, limits: WIDE }],
  (user) => [
    { limit: 'user', caller: user, limits: WIDE },
    { limit: 'all', limits: WIDE },
  ],
];

type Ratios = { one: number; two: number };

/** What Redis does for a job, admitted and settled, under one and two limits for callers, in parts of what it does under none. */
export async function measureCallerLimits(laboratory: Laboratory, { rounds }: { rounds: number }): Promise<Ratios> {
  const ratios: Ratios[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [none = 0, one = 0, two = 0] = await inTurn(LIMITS, (limitsOf) => measureCpu(laboratory, limitsOf));
    ratios.push({ one: one / none, two: two / none });
  }
  return { one: figureOf(ratios.map(({ one }) => one)).median, two: figureOf(ratios.map(({ two }) => two)).median };
}

async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

async function measureCpu(laboratory: Laboratory, limitsOf: (user: string) => CallerClaim[]): Promise<number> {
  await laboratory.clear();
  const ledger = createLedger(laboratory.redis, createKeys('{limits}'), {
    resultTtlMs: 86_400_000,
    circuit: CircuitConfig.parse({}),
  });
  const before = await laboratory.redisCpuUs();
  for (let first = 0; first < JOBS; first += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => runJob(ledger, `job-${first + index}`, limitsOf)));
  }
  return (await laboratory.redisCpuUs()) - before;
}

async function runJob(ledger: Ledger, jobId: string, limitsOf: (user: string) => CallerClaim[]): Promise<void> {
  const admission = await ledger.admit(admitRequest(jobId, limitsOf(`user-of-${jobId}`)));
  if (admission.kind !== 'admitted') throw new Error(`${jobId}: ${admission.kind}`);
  await ledger.settle(settleRequest(jobId));
}

function admitRequest(jobId: string, callers: CallerClaim[]): AdmitRequest {
  return {
    jobId,
    attemptId: `${jobId}:1`,
    holdNanos: 1_000,
    budgets: [],
    expiresInMs: 60_000,
    gates: {
      provider: 'sim',
      model: 'small',
      keys: [{ name: 'default', gate: 'default', limits: {} }],
      modelLimits: {},
      tokens: 500,
      isReturning: false,
      callers,
    },
    writeOff: { record: recordOf(jobId), summary: SUMMARY },
  };
}

function settleRequest(jobId: string): SettleRequest {
  const gate = { verdict: 'answered', tokens: 100 } as const;
  return {
    jobId,
    call: { attemptId: `${jobId}:1`, record: recordOf(jobId), summary: SUMMARY, isFallback: false, gate },
  };
}

const SUMMARY = { model: 'small', provider: 'sim', outcome: 'completed', cost_nanos: 1_000, latency_ms: 5 } as const;

function recordOf(jobId: string): UsageRecord {
  return {
    v: 1,
    attempt_id: `${jobId}:1`,
    job_id: jobId,
    outcome: 'completed',
    task: null,
    lane: 'batch',
    account: 'default',
    model: 'small',
    provider: 'sim',
    key: 'default',
    model_id: 'small',
    input_tokens: 10,
    output_tokens: 90,
    cost_nanos: 1_000,
    price_source: 'config',
    latency_ms: 5,
    queue_ms: 0,
    at: 1_800_000_000_000,
  };
}
