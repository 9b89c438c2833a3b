import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import { formatFigure } from './figures.ts';
import type { Effort, Measured } from './measure.ts';
import { rowsOf } from './rows.ts';
import { SLOW_LATENCY_MS } from './workload.ts';

/** The measurements as one flat object of numbers, as a table, and as `docs/benchmarks.md`. */

const NOTES = new URL('notes.md', import.meta.url);
const PAGE = new URL('../docs/benchmarks.md', import.meta.url);
const LIBRARIES = ['bullmq', 'ioredis', 'undici', 'zod'];

/** The medians under names that stay. What was not measured is left out. */
export function summaryOf(measured: Measured): Record<string, number> {
  const entries = rowsOf(measured).map(({ name, figure, digits }) => {
    return [name, Number(figure.median.toFixed(digits + 1))] as const;
  });
  return Object.fromEntries(entries);
}

export function tableOf(measured: Measured): string {
  const rows = rowsOf(measured).map(({ what, figure, digits, unit }) => [what, formatFigure(figure, digits), unit]);
  const widthOf = (column: number): number => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0));
  const [first, second] = [widthOf(0), widthOf(1)];
  return rows
    .map(([what = '', figure = '', unit = '']) =>
      `${what.padEnd(first)}  ${figure.padStart(second)}  ${unit}`.trimEnd(),
    )
    .join('\n');
}

export async function writePage(measured: Measured, effort: Effort, redisVersion: string): Promise<void> {
  const rows = rowsOf(measured).map(
    ({ what, figure, digits, unit }) => `| ${what} | ${formatFigure(figure, digits)} | ${unit} |`,
  );
  const page = [
    '# Benchmarks',
    'Written by `npm run bench`. Machines differ, and so do hours of one machine: compare the rows of one page only.',
    describeMachine(redisVersion),
    ['| | median (range) | |', '|---|---:|---|', ...rows].join('\n'),
    describeMethod(effort),
    await readFile(NOTES, 'utf8'),
  ];
  await writeFile(PAGE, `${page.map((part) => part.trim()).join('\n\n')}\n`);
}

export function describeMachine(redisVersion: string): string {
  const cores = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const require = createRequire(import.meta.url);
  const versions = LIBRARIES.map((name) => {
    const { version } = require(`${name}/package.json`) as { version: string };
    return `${name} ${version}`;
  });
  return [
    `Machine: ${cores.length} x ${cores[0]?.model.trim() ?? 'unknown processor'}, ${gibibytes} GiB of memory.`,
    `Versions: Node ${process.versions.node}, Redis ${redisVersion}, ${versions.join(', ')}.`,
  ].join('  \n');
}

function describeMethod({ rounds, worker, ideal, enqueueRows }: Effort): string {
  return `
## How it is measured

What is compared runs in turns, ${rounds} times each, one right after the other; a ratio is the median of the ratios of
such pairs. The worker, the producer, Redis (7 or newer, unix socket, AOF every second) and the simulated provider are
processes of their own on the same machine, so they share its cores. Redis is emptied before each run.

- **Worker.** ${count(worker.jobs)} jobs of about 1 KB lie in the queue before the worker starts, and ${count(worker.warmUpJobs)} more that
  are done before the clock starts; ${worker.concurrency} at a time; the provider answers at once. The *ceiling* is a bare BullMQ worker whose
  processor posts to the provider with undici, parses the answer and returns a small value. Sluice does its whole main
  path: it routes among six models, reserves the cost in a budget, calls, and writes bill, result and observation to the
  ledger. After each run the provider's own count of calls, the usage stream and the reservations must agree with the
  number of jobs.
- **Round trips** are the commands on the ledger's connection, counted in the worker process. BullMQ's own are the same
  for both.
- **Ideal rate.** The provider takes ${SLOW_LATENCY_MS} ms, ${count(ideal.concurrency)} calls at a time in one worker process: ideally
  ${count((ideal.concurrency * 1_000) / SLOW_LATENCY_MS)} jobs/s. Measured over ${count(ideal.jobs)} jobs in the middle of the run, without its start and its end.
- **Enqueueing.** ${count(enqueueRows)} rows from a generator; \`addBulk\` by itself gets the same rows, neither checked nor given ids. The
  memory is the largest resident set of the process over its whole life.
- **route()** is timed call by call over a mix of questions.
`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
