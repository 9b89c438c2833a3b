import { formatUsd, nanosToUsd } from '../domain/money.ts';
import type { Cancellation } from '../producer/batch.ts';
import type { BatchPause, BatchStatus } from '../store/batches.ts';
import { formatTime, plural } from './format.ts';
import { SLUICE } from './invocation.ts';
import { printable, renderTable } from './table.ts';

export function statusLines(status: BatchStatus): string[] {
  const { id, state, total, completed, failed, retrying, cached, attempts, fallbacks, costNanos, enqueued } = status;
  return [
    `${id}: ${state}${status.name === undefined ? '' : ` (${printable(status.name)})`}`,
    `${completed + failed}/${total} done: ${completed} completed, ${failed} failed; ${retrying} retrying, ${cached} cached, ${enqueued} enqueued`,
    `${plural(attempts, 'attempt')}, ${plural(fallbacks, 'fallback')}, ${formatUsd(costNanos)}`,
    ...pauseLines(status),
  ];
}

/** Why the batch is paused, and what to type; nothing when it is not. */
export function pauseLines({ id, state, pause }: BatchStatus): string[] {
  if (state !== 'paused' || !pause) return [];
  const { purse, spentNanos, limitNanos, boundNanos } = pause;
  const amounts = `${formatUsd(spentNanos)} of ${formatUsd(limitNanos)} spent`;
  return [
    `paused: budget "${purse}" ${amounts}, and the next call may cost up to ${formatUsd(boundNanos)}`,
    `to go on: ${SLUICE} budget top-up ${purse} USD, then ${SLUICE} batch resume ${id}`,
  ];
}

/** What rows wait for that wait for money, and what to type; the cap of a paused batch is told by `pauseLines`. */
export function parkedLines(parked: ReadonlyMap<string, number>): string[] {
  return [...parked].map(
    ([purse, rows]) =>
      `${plural(rows, 'row')} parked: budget "${purse}" is spent; until when: ${SLUICE} budget list, to let them go on: ${SLUICE} budget top-up ${purse} USD`,
  );
}

export function statusJson(status: BatchStatus): object {
  const {
    id,
    name,
    state,
    total,
    enqueued,
    completed,
    failed,
    retrying,
    cached,
    attempts,
    fallbacks,
    costNanos,
    submittedAt,
  } = status;
  return {
    id,
    ...(name === undefined ? {} : { name }),
    state,
    rows: total,
    enqueued,
    completed,
    failed,
    retrying,
    cached,
    attempts,
    fallbacks,
    cost_usd: nanosToUsd(costNanos),
    submitted_at: new Date(submittedAt).toISOString(),
    ...(status.state === 'paused' && status.pause ? { paused: pauseJson(status.pause) } : {}),
  };
}

function pauseJson({ purse, spentNanos, limitNanos, boundNanos, at }: BatchPause): object {
  return {
    purse,
    spent_usd: nanosToUsd(spentNanos),
    limit_usd: nanosToUsd(limitNanos),
    next_call_usd: nanosToUsd(boundNanos),
    since: new Date(at).toISOString(),
  };
}

export function cancelLine({ id, completed, failed }: BatchStatus, ended: Cancellation): string {
  const { cancelled, brokenOff, underWay } = ended;
  if (cancelled + brokenOff + underWay === 0) {
    return `${id}: nothing to cancel (${completed} completed, ${failed} failed)`;
  }
  const rest = underWay === 0 ? '' : `, ${underWay} under way, which end when their worker is heard of again`;
  return `${id}: ${plural(cancelled, 'row')} taken out, ${plural(brokenOff, 'call')} broken off, ${completed} completed${rest}`;
}

export function cancellationJson({ cancelled, brokenOff, underWay }: Cancellation): object {
  return { cancelled, broken_off: brokenOff, under_way: underWay };
}

export function listLines(statuses: readonly BatchStatus[]): string[] {
  return renderTable(
    [
      { title: 'id' },
      { title: 'state' },
      { title: 'done', align: 'right' },
      { title: 'failed', align: 'right' },
      { title: 'cost', align: 'right' },
      { title: 'submitted' },
      { title: 'name' },
    ],
    statuses.map((status) => [
      status.id,
      status.state,
      `${status.completed + status.failed}/${status.total}`,
      String(status.failed),
      formatUsd(status.costNanos),
      formatTime(status.submittedAt),
      status.name ?? '',
    ]),
  );
}
