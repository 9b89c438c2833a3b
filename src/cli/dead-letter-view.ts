import { nanosToUsd, formatUsd } from '../domain/money.ts';
import type { AttemptSummary } from '../domain/result.ts';
import { presentJobData } from '../monitor/job-mask.ts';
import type { DeadLetterDetails, RetryOutcome } from '../producer/dead-letters.ts';
import type { DeadLetter } from '../store/dead-letters.ts';
import { formatLatency, formatTime, plural } from './format.ts';
import { type Column, printable, renderTable } from './table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'failed at (UTC)' },
  { title: 'job' },
  { title: 'row' },
  { title: 'task' },
  { title: 'code' },
  { title: 'attempts', align: 'right' },
  { title: 'cost', align: 'right' },
  { title: 'why' },
];

/** A line a job; cut to `width` where there is a terminal, since the reasons are long. */
export function letterLines(
  letters: readonly DeadLetter[],
  style: (titles: string) => string,
  width = Number.POSITIVE_INFINITY,
): string[] {
  const rows = letters.map(({ jobId, failedAt, result }) => [
    formatTime(failedAt),
    jobId,
    result.row_id ?? '-',
    result.task ?? '-',
    result.error.code,
    String(result.attempts.length),
    formatUsd(result.cost_nanos),
    result.error.message,
  ]);
  const [titles = '', ...lines] = renderTable(COLUMNS, rows).map((line) =>
    line.length > width ? `${line.slice(0, width - 1)}…` : line,
  );
  return [style(titles), ...lines];
}

export function letterFacts({ jobId, failedAt, result }: DeadLetter): Record<string, unknown> {
  return {
    job_id: jobId,
    row_id: result.row_id ?? null,
    task: result.task,
    code: result.error.code,
    message: result.error.message,
    attempts: result.attempts.map(attemptFacts),
    cost_usd: nanosToUsd(result.cost_nanos),
    cost_nanos: result.cost_nanos,
    failed_at: new Date(failedAt).toISOString(),
  };
}

/** Everything that is known of a job; texts by their length, unless `showPrompt`. */
export function detailFacts(details: DeadLetterDetails, showPrompt: boolean): Record<string, unknown> {
  const { job, quarantined, result } = details;
  return {
    ...letterFacts(details),
    total_ms: result.total_ms,
    user: result.user ?? null,
    metadata: result.metadata ?? null,
    retries: job?.revision ?? 0,
    job: job === undefined ? null : presentJobData(job, showPrompt),
    quarantine: quarantined === undefined ? null : quarantineFacts(quarantined, showPrompt),
  };
}

export function detailLines(details: DeadLetterDetails, showPrompt: boolean): string[] {
  const { jobId, failedAt, result, job, quarantined } = details;
  const facts: [string, string][] = [
    ['job', jobId],
    ['row', result.row_id ?? '-'],
    ['failed', `${formatTime(failedAt)} UTC, after ${formatLatency(result.total_ms)}`],
    ['code', result.error.code],
    ['why', result.error.message],
    ['cost', formatUsd(result.cost_nanos)],
    ['task', result.task ?? '-'],
    ['user', result.user ?? '-'],
    ['retries', String(job?.revision ?? 0)],
  ];
  const attempts = result.attempts.map(describeAttempt);
  if (attempts.length === 0) attempts.push('none');
  const data = job === undefined ? 'not in the queue any more, or unreadable' : presentJobData(job, showPrompt);
  return [
    ...facts.map(([name, value]) => `${name.padEnd(9)}${printable(value)}`),
    'attempts',
    ...attempts.map((line) => `  ${printable(line)}`),
    'data',
    ...(typeof data === 'string' ? data : JSON.stringify(data, null, 2))
      .split('\n')
      .map((line) => `  ${printable(line)}`),
    ...(quarantined === undefined
      ? []
      : ['quarantine', `  ${printable(JSON.stringify(quarantineFacts(quarantined, showPrompt)))}`]),
  ];
}

/** What became of a retry, in a line or two. */
export function retryLines(counts: ReadonlyMap<RetryOutcome, number>): string[] {
  const revived = counts.get('revived') ?? 0;
  const left = (Object.keys(REASONS) as (keyof typeof REASONS)[]).flatMap((outcome) => {
    const count = counts.get(outcome) ?? 0;
    return count === 0 ? [] : [`${plural(count, 'job')} left: ${REASONS[outcome]}`];
  });
  return [`${plural(revived, 'job')} back in the queue`, ...left];
}

const REASONS = {
  'no-data': 'what was asked is not in the queue any more, or cannot be read; enqueue it anew',
  busy: 'the queue has not let go of it yet; try again in a moment',
  cancelled: 'the batch was cancelled',
  changed: 'somebody else has retried it',
} as const satisfies Record<Exclude<RetryOutcome, 'revived'>, string>;

function attemptFacts({ model, provider, outcome, error_code, status, cost_nanos, latency_ms }: AttemptSummary) {
  return { model, provider, outcome, error_code, status, cost_usd: nanosToUsd(cost_nanos), latency_ms };
}

function describeAttempt(attempt: AttemptSummary): string {
  const { model, provider, outcome, error_code: code, status, cost_nanos: costNanos, latency_ms: latencyMs } = attempt;
  const why = [code, status].filter((part) => part !== undefined).join(' ');
  return `${model} (${provider})  ${outcome}${why && ` ${why}`}  ${formatUsd(costNanos)}  ${formatLatency(latencyMs)}`;
}

/** The raw fields may hold the prompt, also in pieces: without leave only their lengths are shown. */
function quarantineFacts(
  { lane, reason, at, fields }: NonNullable<DeadLetterDetails['quarantined']>,
  showPrompt: boolean,
): Record<string, unknown> {
  const shown = Object.entries(fields).map(([name, text]) => [
    name,
    showPrompt || name !== 'data' ? text : `«hidden: ${text.length} characters»`,
  ]);
  return { lane, reason, at: new Date(at).toISOString(), fields: Object.fromEntries(shown) };
}
