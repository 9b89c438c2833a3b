import type { FaultReport } from './fault.ts';

type Column = { title: string; cell: (report: FaultReport) => string };

const COLUMNS: readonly Column[] = [
  { title: 'fault', cell: ({ name }) => name },
  { title: 'jobs', cell: ({ jobs }) => String(jobs) },
  { title: 'lost', cell: ({ lost }) => String(lost) },
  { title: 'twice', cell: (report) => String(report.completed_twice) },
  { title: 'calls', cell: (report) => String(report.provider_calls) },
  { title: 'unrecorded', cell: ({ unrecorded }) => String(unrecorded) },
  { title: 'dup records', cell: (report) => String(report.duplicate_records) },
  { title: 'after settle', cell: (report) => String(report.calls_after_settle) },
  { title: 'held', cell: ({ held }) => String(held) },
  { title: 'spent-stream', cell: (report) => String(report.spent_minus_stream) },
  { title: 'overshoot', cell: (report) => `$${report.overshoot_usd}` },
  { title: 'dup calls', cell: (report) => `${report.duplicate_calls}/${report.duplicate_bound}` },
  { title: 'recovery p50/max', cell: recoveryOf },
  { title: 'ok', cell: ({ ok }) => (ok ? 'ok' : 'FAILED') },
];

/** A line for each fault, and under the table what was wrong. */
export function tableOf(reports: readonly FaultReport[]): string {
  const rows = [COLUMNS.map(({ title }) => title), ...reports.map((report) => COLUMNS.map(({ cell }) => cell(report)))];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => pad(cell, column, widths))
      .join('  ')
      .trimEnd(),
  );
  const wrong = reports.flatMap(({ name, violations }) => violations.map((violation) => `${name}: ${violation}`));
  return [...lines, ...(wrong.length === 0 ? [] : ['', ...wrong])].join('\n');
}

/** Names stand to the left, numbers to the right. */
function pad(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0;
  return column === 0 || column === COLUMNS.length - 1 ? cell.padEnd(width) : cell.padStart(width);
}

function recoveryOf({ recovery_p50_s: half, recovery_max_s: longest }: FaultReport): string {
  return half === null || longest === null ? '-' : `${half.toFixed(1)}/${longest.toFixed(1)} s`;
}
