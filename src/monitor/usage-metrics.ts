import { nanosToUsd } from '../domain/money.ts';
import { isCancelled } from '../domain/usage-sums.ts';
import type { UsageRecord } from '../domain/usage.ts';
import { createHistogram, createLabelBound, createSeries } from './prometheus.ts';

/** 10 ms to 82 s, doubling: how long models take. */
const ATTEMPT_BOUNDS_SECONDS = Array.from({ length: 14 }, (_, index) => 0.01 * 2 ** index);
/** 10 ms to 2.9 h, quadrupling: how long jobs wait. */
const WAIT_BOUNDS_SECONDS = Array.from({ length: 11 }, (_, index) => 0.01 * 4 ** index);
/** Names come from configuration and callers; beyond so many of a kind they are counted together. */
const NAMES_AT_MOST = 200;
/** Of model, task and account together; what comes on top is counted under the account `other`. */
const SHARES_AT_MOST = 5_000;
const FALLBACKS_AT_MOST = 500;
/** So many jobs that failed on a model are remembered until another one takes over. */
const FAILED_AT_MOST = 20_000;

export type UsageMetrics = ReturnType<typeof createUsageMetrics>;

/** What the usage stream adds up to. `count` takes every record once, in the stream's order. */
export function createUsageMetrics() {
  const families = createFamilies();
  const bound = {
    model: createLabelBound(NAMES_AT_MOST),
    provider: createLabelBound(NAMES_AT_MOST),
    task: createLabelBound(NAMES_AT_MOST),
    account: createLabelBound(NAMES_AT_MOST),
    lane: createLabelBound(NAMES_AT_MOST),
    code: createLabelBound(NAMES_AT_MOST),
    share: createLabelBound(SHARES_AT_MOST),
    fallback: createLabelBound(FALLBACKS_AT_MOST),
  };
  const failedOn = createFailedJobs();

  function count(record: UsageRecord): void {
    const model = bound.model(record.model);
    countCost(record, model);
    // A correction is no attempt of its own: it changes what an earlier one cost, and nothing else.
    if (record.outcome === 'correction') return;
    const outcome = isCancelled(record) ? 'cancelled' : record.outcome;
    const lane = bound.lane(record.lane);
    families.attempts.add({ lane, model, provider: bound.provider(record.provider), outcome });
    countFallback(record);
    if (outcome === 'failed' || outcome === 'unconfirmed') {
      families.errors.add({ model, code: bound.code(record.error_code ?? 'UNKNOWN') });
    } else if (outcome !== 'cancelled') {
      families.jobDuration.observe({ lane }, (record.queue_ms + record.latency_ms) / 1_000);
    }
    families.queueWait.observe({ lane }, record.queue_ms / 1_000);
    if (outcome !== 'cached') countCall(record, model);
    else if (record.saved_nanos) families.saved.add({ model }, record.saved_nanos);
  }

  function countCall(record: UsageRecord, model: string): void {
    families.duration.observe({ model }, record.latency_ms / 1_000);
    if (record.first_token_ms !== undefined) families.firstToken.observe({ model }, record.first_token_ms / 1_000);
    families.tokens.add({ model, type: 'input' }, record.input_tokens);
    families.tokens.add({ model, type: 'output' }, record.output_tokens);
    const written = (record.cache_write_tokens ?? 0) + (record.cache_write_1h_tokens ?? 0);
    if (record.cached_input_tokens) families.tokens.add({ model, type: 'cached_input' }, record.cached_input_tokens);
    if (written > 0) families.tokens.add({ model, type: 'cache_write' }, written);
    if (record.reasoning_tokens) families.tokens.add({ model, type: 'reasoning' }, record.reasoning_tokens);
  }

  function countFallback(record: UsageRecord): void {
    const from = failedOn.take(record);
    if (from === undefined || from === record.model) return;
    const [source, to] = [bound.model(from), bound.model(record.model)];
    const isKnown = bound.fallback(`${source} ${to}`) !== 'other';
    families.fallbacks.add(isKnown ? { from: source, to } : { from: 'other', to: 'other' });
  }

  function countCost(record: UsageRecord, model: string): void {
    const [task, account] = [bound.task(record.task ?? '-'), bound.account(record.account)];
    const isKnown = bound.share(`${model} ${task} ${account}`) !== 'other';
    const labels = { model, task, account: isKnown ? account : 'other' };
    if (record.cost_nanos >= 0) families.cost.add(labels, record.cost_nanos);
    else families.refunds.add(labels, -record.cost_nanos);
  }

  return { count, render: () => Object.values(families).map((family) => family.render()) };
}

/** Which model each job failed on last, of the newest that failed. */
function createFailedJobs() {
  const models = new Map<string, string>();
  return {
    /** The model of the attempt before this one, when that failed. */
    take({ job_id: jobId, model, outcome }: UsageRecord): string | undefined {
      const before = models.get(jobId);
      models.delete(jobId);
      if (outcome === 'failed' || outcome === 'unconfirmed') models.set(jobId, model);
      const [oldest] = models.keys();
      if (models.size > FAILED_AT_MOST && oldest !== undefined) models.delete(oldest);
      return before;
    },
  };
}

function createFamilies() {
  return { ...createCounters(), ...createDurations() };
}

function createCounters() {
  return {
    attempts: createSeries('counter', {
      name: 'sluice_attempts_total',
      help: 'Attempts that reached a provider, may have, or were answered from the cache.',
    }),
    errors: createSeries('counter', {
      name: 'sluice_attempt_errors_total',
      help: 'Attempts without an answer (failed or unconfirmed), by error code.',
    }),
    tokens: createSeries('counter', {
      name: 'sluice_tokens_total',
      help: 'Tokens of all calls; cached_input is part of input, reasoning is part of output.',
    }),
    cost: createSeries('counter', {
      name: 'sluice_cost_usd_total',
      help: 'US dollars charged. What was spent is this less sluice_cost_refunds_usd_total.',
      convert: nanosToUsd,
    }),
    // Apart, because a counter must not fall.
    refunds: createSeries('counter', {
      name: 'sluice_cost_refunds_usd_total',
      help: 'US dollars that were charged at an estimate and turned out not to be due.',
      convert: nanosToUsd,
    }),
    saved: createSeries('counter', {
      name: 'sluice_cache_saved_usd_total',
      help: 'US dollars that answers from the cache would have cost.',
      convert: nanosToUsd,
    }),
    fallbacks: createSeries('counter', {
      name: 'sluice_fallbacks_total',
      help: 'Attempts on another model than the one on which the job had failed before.',
    }),
  };
}

function createDurations() {
  return {
    duration: createHistogram({
      name: 'sluice_attempt_duration_seconds',
      help: 'How long a call of a model took.',
      bounds: ATTEMPT_BOUNDS_SECONDS,
    }),
    firstToken: createHistogram({
      name: 'sluice_time_to_first_token_seconds',
      help: 'From the start of a call to the first piece of its answer, of calls that were streamed.',
      bounds: ATTEMPT_BOUNDS_SECONDS,
    }),
    jobDuration: createHistogram({
      name: 'sluice_job_duration_seconds',
      help: 'From the submission of a job to its answer, of jobs that got one.',
      bounds: WAIT_BOUNDS_SECONDS,
    }),
    queueWait: createHistogram({
      name: 'sluice_queue_wait_seconds',
      help: 'From the submission of a job to the start of an attempt: earlier attempts and waits are in it.',
      bounds: WAIT_BOUNDS_SECONDS,
    }),
  };
}
