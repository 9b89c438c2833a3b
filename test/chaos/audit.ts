import { usdToNanos } from '../../src/domain/money.ts';
import type { UsageRecord } from '../../src/domain/usage.ts';
import type { Books, PurseBook } from './books.ts';
import type { Figures } from './fault.ts';

/**
 * Holds the books of all parties against each other: what the provider was asked, what the usage stream says, what the
 * budgets say, how jobs ended, what BullMQ believes. It does its own sums instead of asking the code that it audits.
 */
export type Audit = { figures: Figures; violations: string[] };

/** The provider's clock is read when its event loop comes to it: a call that was under way may seem as much later. */
const CLOCK_TOLERANCE_MS = 300;
const NANOS_PER_USD = 1e9;

export const NO_FIGURES: Figures = {
  jobs: 0,
  lost: 0,
  completed_twice: 0,
  provider_calls: 0,
  unrecorded: 0,
  duplicate_records: 0,
  calls_after_settle: 0,
  held: 0,
  spent_minus_stream: 0,
  overshoot_usd: 0,
  duplicate_calls: 0,
  duplicate_bound: 0,
  recovery_p50_s: null,
  recovery_max_s: null,
};

export function auditBooks(books: Books): Audit {
  const { jobs, results, calls, runningCalls, purses, strikes } = books;
  const histories = historiesOf(books);
  const all = [...histories.values()];
  const recovery = recoverySecondsOf(books, histories);
  const figures: Figures = {
    jobs: jobs.size,
    lost: [...jobs].filter((job) => !results.has(job)).length,
    completed_twice: all.filter(({ records }) => countOutcome(records, 'completed') > 1).length,
    provider_calls: calls.length + runningCalls,
    unrecorded: countUnrecorded(books),
    duplicate_records: countDuplicateRecords(books),
    calls_after_settle: sum(all.map(callsAfterSettle)),
    held: sum(purses.map(({ heldNanos }) => Math.abs(heldNanos))),
    spent_minus_stream: largest(purses.map((purse) => purse.spentNanos - streamSumOf(purse, books))),
    overshoot_usd: sum(purses.map((purse) => overshootNanosOf(purse, books))) / NANOS_PER_USD,
    duplicate_calls: sum(all.map(duplicateCallsOf)),
    duplicate_bound: sum(strikes.map(({ inFlight }) => inFlight)),
    recovery_p50_s: percentile(recovery, 0.5),
    recovery_max_s: percentile(recovery, 1),
  };
  return { figures, violations: [...violationsOf(figures), ...contradictionsIn(books)] };
}

/** What must be 0 is 0, and no more calls were repeated than the faults explain. */
function violationsOf(figures: Figures): string[] {
  const mustBeZero = [
    'lost',
    'completed_twice',
    'unrecorded',
    'duplicate_records',
    'calls_after_settle',
    'held',
    'spent_minus_stream',
    'overshoot_usd',
  ] as const;
  const violations = mustBeZero.flatMap((name) => (figures[name] === 0 ? [] : [`${name} is ${figures[name]}, not 0`]));
  const { duplicate_calls: repeated, duplicate_bound: bound } = figures;
  if (repeated > bound) violations.push(`${repeated} duplicate calls, where at most ${bound} were in flight`);
  return violations;
}

/** What has no figure of its own. */
function contradictionsIn(books: Books): string[] {
  const { openAttempts, callsAtGates, runningCalls, queue, results, usage } = books;
  const violations: string[] = [];
  if (openAttempts > 0) violations.push(`${openAttempts} attempts are still open in the ledger`);
  if (callsAtGates > 0) violations.push(`the gates still count ${callsAtGates} calls`);
  if (runningCalls > 0) violations.push(`${runningCalls} calls are still under way at the provider`);
  if (queue.unended > 0) violations.push(`${queue.unended} jobs have not ended in the queue`);
  const misjudged = [...results.values()].filter(
    (result) => result.status === 'completed' && queue.failed.has(result.job_id),
  );
  if (misjudged.length > 0) violations.push(`${misjudged.length} jobs completed and are failed in the queue`);
  const answered = new Set(usage.flatMap(({ record }) => (record.outcome === 'failed' ? [] : [record.job_id])));
  const unpaid = [...results.values()].filter(({ status, job_id }) => status === 'completed' && !answered.has(job_id));
  if (unpaid.length > 0) violations.push(`${unpaid.length} jobs completed without a record of an answer`);
  const short = shortfallsOf(books);
  if (short.length > 0)
    violations.push(`${short.length} attempts are billed by the provider at more than was recorded`);
  return violations;
}

/** Attempts that were recorded at less than the provider's own book says; at more is what a lost answer may be. */
function shortfallsOf({ calls, usage }: Books): string[] {
  const recorded = new Map<string, number>();
  for (const { record } of usage) {
    recorded.set(record.attempt_id, (recorded.get(record.attempt_id) ?? 0) + record.cost_nanos);
  }
  return calls.flatMap(({ request_id: id, cost_nanos: billed }) =>
    id !== null && billed > (recorded.get(id) ?? 0) ? [id] : [],
  );
}

type Dated = { record: UsageRecord; at: number };
/** What happened to one job, each list in order of time. */
type History = { calls: { attemptId: string; at: number }[]; records: Dated[]; settledAt: number | undefined };

function historiesOf({ calls, usage, results }: Books): Map<string, History> {
  const histories = new Map<string, History>();
  const historyOf = (job: string): History => {
    const history = histories.get(job) ?? { calls: [], records: [], settledAt: undefined };
    histories.set(job, history);
    return history;
  };
  for (const { request_id: attemptId, at } of calls) {
    if (attemptId !== null) historyOf(jobOf(attemptId)).calls.push({ attemptId, at });
  }
  for (const { id, record } of usage)
    historyOf(record.job_id).records.push({ record, at: Number(id.split('-', 1)[0]) });
  for (const [job, history] of histories) {
    history.calls.sort((a, b) => a.at - b.at);
    const result = results.get(job);
    if (result) history.settledAt = endOf(history.records, result.status);
  }
  return histories;
}

/** When the job's result was stored: with the record of its answer, or of its last failure. */
function endOf(records: readonly Dated[], status: 'completed' | 'failed'): number | undefined {
  if (status === 'failed') return records.findLast(({ record }) => record.outcome !== 'correction')?.at;
  return records.find(({ record: { outcome, error_code: code } }) => {
    return outcome === 'completed' || outcome === 'cached' || (outcome === 'correction' && code === undefined);
  })?.at;
}

/** Attempt ids are `<job>:<start>`, or `<job>.r<revision>:<start>` for a dead letter that was retried. */
function jobOf(attemptId: string): string {
  return attemptId.slice(0, attemptId.lastIndexOf(':')).replace(/\.r\d+$/, '');
}

function countOutcome(records: readonly Dated[], outcome: UsageRecord['outcome']): number {
  return records.filter(({ record }) => record.outcome === outcome).length;
}

function countUnrecorded({ calls, usage, runningCalls }: Books): number {
  // A record stands for one call: an attempt that called twice has one that nobody wrote down.
  const waiting = new Set<string | null>(usage.map(({ record }) => record.attempt_id));
  return runningCalls + calls.filter(({ request_id: id }) => !waiting.delete(id)).length;
}

function countDuplicateRecords({ usage }: Books): number {
  const originals = usage.flatMap(({ record }) => (record.outcome === 'correction' ? [] : [record.attempt_id]));
  return originals.length - new Set(originals).size;
}

function callsAfterSettle({ calls, settledAt = Infinity }: History): number {
  return calls.filter(({ at }) => at > settledAt + CLOCK_TOLERANCE_MS).length;
}

/**
 * A call that the provider failed is followed by another one: that is policy. So of all other calls of a job (answered,
 * broken off, or written off unheard) one is needed, and the rest are repeats.
 */
function duplicateCallsOf({ calls, records }: History): number {
  const needless = calls.filter(({ attemptId }) => {
    const found = records.find(({ record }) => record.attempt_id === attemptId && record.outcome !== 'correction');
    const code = found?.record.error_code;
    return code === undefined || code === 'INTERRUPTED';
  });
  return Math.max(0, needless.length - 1);
}

function streamSumOf({ purse }: PurseBook, { usage, config }: Books): number {
  return sum(usage.map(({ record }) => (isDrawnFrom(purse, record, config) ? record.cost_nanos : 0)));
}

/** All windows of a purse are alike here: no fault lasts from one into the next. */
function isDrawnFrom(purse: string, record: UsageRecord, config: Books['config']): boolean {
  if (purse.startsWith('batch:')) return purse === `batch:${record.batch_id}`;
  if (purse.startsWith('job:')) return purse === `job:${record.job_id}`;
  const budget = config.budgets[purse.split('/', 1)[0] ?? ''];
  if (!budget) return false;
  return (['account', 'task', 'user'] as const).every(
    (tag) => budget[tag] === undefined || budget[tag] === record[tag],
  );
}

function overshootNanosOf({ purse, spentNanos }: PurseBook, { config, caps }: Books): number {
  const budget = config.budgets[purse.split('/', 1)[0] ?? ''];
  const limit = budget ? usdToNanos(budget.limit_usd) : caps.get(purse.replace('batch:', ''));
  return Math.max(0, spentNanos - (limit ?? Infinity));
}

/** From each strike to the end of the jobs that it hit. */
function recoverySecondsOf({ strikes }: Books, histories: ReadonlyMap<string, History>): number[] {
  return strikes.flatMap(({ at, open, isForAll }) =>
    [...open].flatMap(([job, attemptId]) => {
      const { settledAt, records = [] } = histories.get(job) ?? {};
      if (settledAt === undefined) return [];
      const isInVain = !records.some(({ record }) => record.attempt_id === attemptId && record.outcome === 'completed');
      return isForAll || isInVain ? [Math.max(0, settledAt - at) / 1_000] : [];
    }),
  );
}

function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** With its sign: differences of several purses must not make up for each other. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
}
