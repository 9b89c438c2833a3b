import { nanosToUsd } from '../domain/money.ts';
import type { UsageRecord } from '../domain/usage.ts';
import { createHistogram, createLabelBound, createSeries } from './prometheus.ts';

/** 10 ms to 82 s, doubling: how long models take. */
const ATTEMPT_BOUNDS_SECONDS = Array.from({ length: 14 }, (_, index) => 0.01 * 2 ** index);
/** 10 ms to 2.9 h, quadrupling: how long jobs wait. */
const WAIT_BOUNDS_SECONDS = Array.from({ length: 11 }, (_, index) => 0.01 * 4 ** index);
/** Names come from configuration and callers; beyond so many of a kind they are counted together. */
const NAMES_AT_MOST = 200;

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
  };

  function count(record: UsageRecord): void {
    const model = bound.model(record.model);
    countCost(record, model);
    // A correction is no attempt of its own: it changes what an earlier one cost, and nothing else.
    if (record.outcome === 'correction') return;
    const { outcome } = record;
    families.attempts.add({ model, provider: bound.provider(record.provider), outcome });
    if (outcome === 'failed' || outcome === 'unconfirmed') {
      families.errors.add({ model, code: bound.code(record.error_code ?? 'UNKNOWN') });
    }
    families.queueWait.observe({ lane: bound.lane(record.lane) }, record.queue_ms / 1_000);
    // The cache answers in no time, and no model was asked.
    if (outcome === 'cached') return;
    families.duration.observe({ model }, record.latency_ms / 1_000);
    families.tokens.add({ model, type: 'input' }, record.input_tokens);
    families.tokens.add({ model, type: 'output' }, record.output_tokens);
    if (record.cached_input_tokens) families.tokens.add({ model, type: 'cached_input' }, record.cached_input_tokens);
    if (record.reasoning_tokens) families.tokens.add({ model, type: 'reasoning' }, record.reasoning_tokens);
  }

  function countCost(record: UsageRecord, model: string): void {
    const labels = { model, task: bound.task(record.task ?? '-'), account: bound.account(record.account) };
    if (record.cost_nanos >= 0) families.cost.add(labels, record.cost_nanos);
    else families.refunds.add(labels, -record.cost_nanos);
  }

  return { count, render: () => Object.values(families).map((family) => family.render()) };
}

function createFamilies() {
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
    duration: createHistogram({
      name: 'sluice_attempt_duration_seconds',
      help: 'How long a call of a model took.',
      bounds: ATTEMPT_BOUNDS_SECONDS,
    }),
    queueWait: createHistogram({
      name: 'sluice_queue_wait_seconds',
      help: 'From the submission of a job to the start of an attempt: earlier attempts and waits are in it.',
      bounds: WAIT_BOUNDS_SECONDS,
    }),
  };
}
