import { formatUsd, nanosToUsd } from '../domain/money.ts';
import { wilsonInterval } from '../domain/statistics.ts';
import type { Accuracy, BatchSummary } from '../domain/summary.ts';
import { formatLatency, plural } from './format.ts';
import { type Column, renderTable } from './table.ts';

/** A summary as a person reads it; `durationMs` is that of the command that ran the batch. */
export function summaryLines(summary: BatchSummary, durationMs: number): string[] {
  const [counts, cost] = totalLines(summary);
  const lines = [`${counts}, ${formatLatency(durationMs)}`, cost, ''];
  if (summary.byModel.length > 0) lines.push(...modelTable(summary), '');
  lines.push(...taskTable(summary));
  const errors = Object.entries(summary.errors).map(([code, count]) => `${code} ${count}`);
  if (errors.length > 0) lines.push('', `failed rows: ${errors.join(', ')}`);
  return lines;
}

/** What became of the rows, and what they cost. */
export function totalLines(summary: BatchSummary): [counts: string, cost: string] {
  const { rows, completed, failed, open, cached, attempts, fallbacks } = summary;
  const more = `${open > 0 ? `, ${open} open` : ''}${cached > 0 ? `, ${cached} from the cache` : ''}`;
  return [
    `${plural(rows, 'row')}: ${completed} completed, ${failed} failed${more}; ` +
      `${plural(attempts, 'attempt')}, ${plural(fallbacks, 'fallback')}`,
    `cost ${formatUsd(summary.costNanos)}${savings(summary)}`,
  ];
}

function modelTable({ byModel }: BatchSummary): string[] {
  return renderTable(
    columns('model', 'answered', 'attempts', 'failed', 'cost', 'accuracy'),
    byModel.map((line) => [
      line.model,
      String(line.answered),
      String(line.attempts),
      String(line.failedAttempts),
      formatUsd(line.costNanos),
      accuracyText(line),
    ]),
  );
}

function taskTable({ byTask, accuracy }: BatchSummary): string[] {
  return renderTable(columns('task', 'rows', 'completed', 'cost', 'accuracy'), [
    ...byTask.map((line) => [
      line.task,
      String(line.rows),
      String(line.completed),
      formatUsd(line.costNanos),
      accuracyText(line),
    ]),
    ...(accuracy.scored > 0 ? [['all', '', '', '', accuracyText(accuracy)]] : []),
  ]);
}

function columns(name: string, ...figures: string[]): Column[] {
  return [{ title: name }, ...figures.map((title): Column => ({ title, align: 'right' }))];
}

/** Share of right answers with its 95 % interval: `82 % (74-88) of 110`. */
function accuracyText({ scored, correct }: Accuracy): string {
  if (scored === 0) return '-';
  const { low, high } = wilsonInterval(correct, scored);
  return `${percent(correct / scored)} % (${percent(low)}-${percent(high)}) of ${scored}`;
}

/** Nothing when the dearest model would not have been dearer, as when it is the only one. */
function savings({ costNanos, dearest }: BatchSummary): string {
  if (!dearest || costNanos >= dearest.costNanos) return '';
  const share = percent(1 - costNanos / dearest.costNanos);
  return `; all answers from ${dearest.model} would have cost ${formatUsd(dearest.costNanos)} (${share} % saved)`;
}

function percent(share: number): string {
  return String(Math.round(share * 100));
}

/** The same for a program: USD as numbers, shares from 0 to 1. */
export function summaryJson(summary: BatchSummary): Record<string, unknown> {
  const { costNanos, byModel, byTask, accuracy, dearest, ...counts } = summary;
  return {
    ...counts,
    cost_usd: nanosToUsd(costNanos),
    ...(dearest ? { dearest: { model: dearest.model, cost_usd: nanosToUsd(dearest.costNanos) } } : {}),
    accuracy: accuracyJson(accuracy),
    by_model: byModel.map(({ model, answered, attempts, failedAttempts, costNanos: cost, ...line }) => ({
      model,
      answered,
      attempts,
      failed_attempts: failedAttempts,
      cost_usd: nanosToUsd(cost),
      accuracy: accuracyJson(line),
    })),
    by_task: byTask.map(({ task, rows, completed, costNanos: cost, ...line }) => ({
      task,
      rows,
      completed,
      cost_usd: nanosToUsd(cost),
      accuracy: accuracyJson(line),
    })),
  };
}

function accuracyJson({ scored, correct }: Accuracy): object | null {
  return scored === 0
    ? null
    : { scored, correct, share: correct / scored, interval_95: wilsonInterval(correct, scored) };
}
