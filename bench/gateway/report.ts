import { readFile, writeFile } from 'node:fs/promises';
import { type Figure, formatFigure } from '../figures.ts';
import { describeMachine } from '../report.ts';
import { type ContenderName, TITLES } from './contender.ts';
import { type Goal, goalsOf } from './goals.ts';
import type { Measured } from './rounds.ts';
import { type Row, rowsOf } from './rows.ts';

/** The measurements as one flat object of numbers, as tables, and as `docs/benchmarks-gateway.md`. */

const PAGE = new URL('../../docs/benchmarks-gateway.md', import.meta.url);
const NOTES = new URL('notes.md', import.meta.url);

export type Report = {
  measured: Measured;
  latencyMs: number;
  /** Who was not measured, and why. */
  missing: { name: ContenderName; reason: string }[];
};

const HEADS = ['', 'through', 'requests/s', 'p50', 'p99', 'added p50', 'added p99', 'CPU', 'first token', 'failed'];

/** Medians under names that stay. What was not measured is left out. */
export function summaryOf({ measured }: Report): Record<string, number> {
  const entries = rowsOf(measured).flatMap((row) => {
    const named = (name: string, figure: Figure | undefined): [string, number][] =>
      figure === undefined || !Number.isFinite(figure.median)
        ? []
        : [[`${row.contender}_${row.connections}_${name}`, Number(figure.median.toFixed(3))]];
    return [
      ...named('requests_per_s', row.requestsPerSecond),
      ...named('p50_ms', row.p50Ms),
      ...named('p99_ms', row.p99Ms),
      ...(row.contender === 'direct' ? [] : named('added_p50_ms', row.addedP50Ms)),
      ...(row.contender === 'direct' ? [] : named('added_p99_ms', row.addedP99Ms)),
      ...Object.entries(row.cpu ?? {}).flatMap(([process, figure]) =>
        named(`cpu_s_per_1k_${process.replaceAll(' ', '_')}`, figure),
      ),
      ...named('first_token_p50_ms', row.firstTokenP50Ms),
      [`${row.contender}_${row.connections}_failed`, row.failed] as [string, number],
    ];
  });
  const goals = goalsOf(measured).map(({ name, ratio }) => [name, Number(ratio.median.toFixed(3))] as const);
  return Object.fromEntries([...entries, ...goals]);
}

export function textOf({ measured, missing }: Report): string {
  const lines = [HEADS, ...rowsOf(measured).map((row) => cellsOf(row))];
  const widths = HEADS.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const table = lines.map((cells) =>
    cells.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))),
  );
  return [
    table.map((cells) => cells.join('  ').trimEnd()).join('\n'),
    rowsOf(measured).flatMap(cpuLine).join('\n'),
    goalsOf(measured).map(goalLine).join('\n'),
    missing.map(({ name, reason }) => `${TITLES[name]} was not measured: ${reason}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

export async function writePage(report: Report, method: string, redisVersion: string): Promise<void> {
  const rows = rowsOf(report.measured).map((row) => `| ${cellsOf(row).join(' | ')} |`);
  const goals = goalsOf(report.measured).map((goal) => `| ${goal.what} | ${verdictOf(goal).join(' | ')} |`);
  const page = [
    '# What gateways add',
    'Written by `npm run bench:gateway -- --write`. Machines differ, and so do hours of one machine: compare the rows of one page only.',
    describeMachine(redisVersion),
    [`| ${HEADS.join(' | ')} |`, '|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|', ...rows].join('\n'),
    'Milliseconds; CPU in seconds for 1,000 requests, of all processes of the gateway together (for Sluice with its Redis). Medians of the rounds.',
    rowsOf(report.measured)
      .flatMap(cpuLine)
      .map((line) => `- ${line}`)
      .join('\n'),
    ['| Sluice against | ratio | at most | |', '|---|---:|---:|---|', ...goals].join('\n'),
    ...report.missing.map(({ name, reason }) => `${TITLES[name]} was not measured: ${reason}`),
    method,
    await readFile(NOTES, 'utf8'),
  ];
  await writeFile(PAGE, `${page.map((part) => part.trim()).join('\n\n')}\n`);
}

function cellsOf(row: Row): string[] {
  const isDirect = row.contender === 'direct';
  const cpu = Object.values(row.cpu ?? {}).reduce((sum, { median }) => sum + median, 0);
  return [
    String(row.connections),
    TITLES[row.contender],
    Math.round(row.requestsPerSecond.median).toLocaleString('en-US'),
    milliseconds(row.p50Ms),
    milliseconds(row.p99Ms),
    isDirect ? '' : milliseconds(row.addedP50Ms),
    isDirect ? '' : milliseconds(row.addedP99Ms),
    row.cpu === undefined ? '' : Number.isFinite(cpu) ? cpu.toFixed(2) : '-',
    row.firstTokenP50Ms === undefined ? '' : milliseconds(row.firstTokenP50Ms),
    String(row.failed),
  ];
}

function milliseconds({ median }: Figure): string {
  return Number.isFinite(median) ? median.toFixed(median < 100 ? 2 : 0) : '-';
}

/** Where more than one process works for a gateway, whose CPU time it is. */
function cpuLine({ contender, connections, cpu = {} }: Row): string[] {
  const parts = Object.entries(cpu).filter(([, { median }]) => median > 0);
  if (parts.length < 2) return [];
  const text = parts.map(([name, figure]) => `${name} ${figure.median.toFixed(2)}`).join(', ');
  return [`CPU of ${TITLES[contender]}, ${connections} connections: ${text}`];
}

function goalLine(goal: Goal): string {
  const [ratio, most, verdict] = verdictOf(goal);
  return `${goal.what.padEnd(44)} ${ratio?.padStart(22)}   at most ${most}: ${verdict}`;
}

function verdictOf({ ratio, most }: Goal): [string, string, string] {
  return [formatFigure(ratio, 2), String(most), ratio.median <= most ? 'met' : 'missed'];
}
