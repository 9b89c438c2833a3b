import { formatUsd, nanosToUsd } from '../domain/money.ts';
import type { BatchStatus } from '../store/batches.ts';
import { formatTime, plural } from './format.ts';
import { printable, renderTable } from './table.ts';

export function statusLines(status: BatchStatus): string[] {
  const { id, state, total, completed, failed, retrying, cached, attempts, fallbacks, costNanos, enqueued } = status;
  return [
    `${id}: ${state}${status.name === undefined ? '' : ` (${printable(status.name)})`}`,
    `${completed + failed}/${total} done: ${completed} completed, ${failed} failed; ${retrying} retrying, ${cached} cached, ${enqueued} enqueued`,
    `${plural(attempts, 'attempt')}, ${plural(fallbacks, 'fallback')}, ${formatUsd(costNanos)}`,
  ];
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
  };
}

export function cancelLine({ id, total, completed, failed }: BatchStatus, cancelled: number): string {
  const underWay = total - completed - failed;
  if (cancelled === 0 && underWay === 0) return `${id}: had ended already (${completed} completed, ${failed} failed)`;
  return `${id}: ${plural(cancelled, 'row')} cancelled, ${completed} completed, ${underWay} under way`;
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
