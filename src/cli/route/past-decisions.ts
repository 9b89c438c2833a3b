import type { Decision } from '../../domain/decision.ts';
import { InputError } from '../../domain/errors.ts';
import { formatUsd, usdToNanos } from '../../domain/money.ts';
import type { UsageRecord } from '../../domain/usage.ts';
import { createKeys } from '../../store/keys.ts';
import { createUsageStream } from '../../store/usage-stream.ts';
import { findInstallation } from '../config-view.ts';
import type { Context } from '../context.ts';
import { formatCount, formatLatency, formatPercent, formatTime, styled } from '../format.ts';
import { openRedis } from '../redis.ts';
import { printable, renderTable } from '../table.ts';

/** The decisions behind a job's attempts, from its usage records: by its id in the queue, or its own. */
export async function explainJob(context: Context, id: string, asJson: boolean): Promise<void> {
  const records = await recordsOf(context, id);
  if (records.length === 0) throw new InputError(`no attempt of a job ${JSON.stringify(id)} is in the usage stream`);
  for (const record of records) {
    const { attempt_id, job_id, model, outcome, at, decision } = record;
    if (asJson) context.print(JSON.stringify({ attempt_id, job_id, model, outcome, at, decision: decision ?? null }));
    else for (const line of describeAttempt(record)) context.print(printable(line));
  }
}

async function recordsOf(context: Context, id: string): Promise<UsageRecord[]> {
  const { redis: settings } = findInstallation(context);
  const opened = await openRedis(context, settings.url);
  try {
    const found: UsageRecord[] = [];
    for await (const page of createUsageStream(opened.redis, createKeys(settings.prefix)).read()) {
      found.push(...page.map(({ record }) => record).filter(({ job_id, row_id }) => job_id === id || row_id === id));
    }
    return found;
  } finally {
    await opened.close();
  }
}

function describeAttempt(record: UsageRecord): string[] {
  const { attempt_id, model, outcome, error_code, at, decision } = record;
  const ending = error_code === undefined ? outcome : `${outcome}, ${error_code}`;
  const title = styled('bold', `${attempt_id} -> ${model}, ${ending} (${formatTime(at)})`);
  return decision === undefined
    ? [title, '  its decision was not kept', '']
    : [title, ...describeDecision(decision).map((line) => `  ${line}`), ''];
}

const WHY: Record<string, string> = {
  best: 'the first by this strategy of those that may serve the job',
  explored: 'drawn to learn more of the models',
  only: 'nothing else was left',
  fallback: 'those before it were tried, or turned the job away',
};

/** For a person: what is kept of a decision. */
export function describeDecision(decision: Decision): string[] {
  const { task, guess, strategy, candidates, filters = {}, chosen, why, floor, relaxed, variant, pressure } = decision;
  const work = guess ? `no task, reads like ${guess[0]} (${formatPercent(guess[1])})` : (task ?? 'no task');
  const remarks = [
    ...(floor ? [`a score of ${floor[0].toFixed(2)} was asked for, so that quality is that of ${floor[1]} alone`] : []),
    ...(relaxed === undefined ? [] : [`limits put aside: ${relaxed}`]),
    ...(variant === undefined ? [] : [`experiment ${variant}`]),
    ...(pressure === undefined ? [] : [`cost weighed ${pressure} times as much, by the pace of its budget`]),
  ];
  const left = Object.entries(filters).map(([reason, [count, ...names]]) => {
    const untold = count - names.length;
    return `${formatCount(count)} left out, ${reason}: ${names.join(', ')}${untold > 0 && names.length > 0 ? `, and ${untold} more` : ''}`;
  });
  return [
    `${work}; strategy ${strategy}; ${chosen}: ${WHY[why] ?? why}`,
    ...remarks,
    ...renderTable(
      [
        { title: 'model' },
        { title: 'score', align: 'right' },
        { title: '+-', align: 'right' },
        { title: 'cost', align: 'right' },
        { title: 'latency', align: 'right' },
      ],
      candidates.map(([alias, score, deviation, costUsd, latencyMs]) => [
        alias,
        score.toFixed(3),
        deviation === 0 ? '' : deviation.toFixed(3),
        formatUsd(usdToNanos(costUsd)),
        formatLatency(latencyMs),
      ]),
    ),
    ...left,
  ];
}
