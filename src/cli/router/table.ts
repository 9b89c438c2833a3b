import { Command } from 'commander';
import { unknownName } from '../../domain/config.ts';
import type { Evidence } from '../../domain/evidence.ts';
import { InputError } from '../../domain/errors.ts';
import { readEvidence } from '../../store/evidence/reader.ts';
import { type Context, contextOf } from '../context.ts';
import { formatCount, formatTime, plural, styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { type Column, renderTable } from '../table.ts';
import { withEvidenceStore } from './open.ts';
import { type EvidenceRow, evidenceRows } from './rows.ts';

type Flags = { task?: string; json?: boolean };

const WITHOUT_TASK = '-';

export const tableCommand = new Command('table')
  .description('what was learned of each model at each task, beside what the configuration says')
  .option('--task <name>', `only this task; ${WITHOUT_TASK} for jobs without one`)
  .option('--json', 'print one JSON object a model and task')
  .action(async ({ task, json }: Flags, command: Command) => {
    const context = contextOf(command);
    await withEvidenceStore(context, async ({ redis, keys, config }) => {
      const evidence = await readEvidence(redis, keys);
      const all = evidenceRows(evidence, config.models);
      const rows = task === undefined ? all : all.filter((row) => (row.task || WITHOUT_TASK) === task);
      if (task !== undefined && rows.length === 0 && task !== WITHOUT_TASK && !Object.hasOwn(config.tasks, task)) {
        throw new InputError(unknownName('task', task, config.tasks));
      }
      if (json) for (const row of rows) context.print(JSON.stringify(toLine(row, evidence)));
      else show(context, evidence, rows);
    });
  });

/** `task_jobs`: scored jobs of the task, whichever model they had. */
function toLine(row: EvidenceRow, { tasks }: Evidence): object {
  if (tasks === undefined) return { ...row, task: row.task || null };
  return { ...row, task: row.task || null, task_jobs: new Map(Object.entries(tasks)).get(row.task) ?? 0 };
}

const COLUMNS: readonly Column[] = [
  { title: 'task' },
  { title: 'model' },
  { title: 'scores', align: 'right' },
  { title: 'mean', align: 'right' },
  { title: '95 % interval', align: 'right' },
  { title: 'configured', align: 'right' },
  { title: 'prompt', align: 'right' },
  { title: 'answer', align: 'right' },
];

function show(context: Context, { version, updated_at: updatedAt }: Evidence, rows: readonly EvidenceRow[]): void {
  if (version === 0) context.note(`nothing was learned yet: give scores with "${SLUICE} feedback", or jobs an expect`);
  else context.note(`version ${formatCount(version)}, ${formatTime(updatedAt)}; scores of long ago count for less`);
  if (rows.length === 0) return;
  const cells = rows.map(({ task, model, scores, mean, low, high, configured, ...tokens }) => [
    task || WITHOUT_TASK,
    model,
    scores === 0 ? '-' : formatWeight(scores),
    formatScore(mean),
    low === undefined || high === undefined ? '-' : `${low.toFixed(3)} to ${high.toFixed(3)}`,
    formatScore(configured),
    formatTokens(tokens.input_tokens),
    formatTokens(tokens.output_tokens),
  ]);
  for (const line of renderTable(COLUMNS, cells, (titles) => styled('bold', titles))) context.print(line);
  context.note(`${plural(rows.length, 'row')}; prompt and answer: tokens on average`);
}

/** Whole while all count in full. */
function formatWeight(scores: number): string {
  return Number.isInteger(scores) ? formatCount(scores) : scores.toFixed(1);
}

function formatScore(score: number | undefined): string {
  return score === undefined ? '-' : score.toFixed(3);
}

function formatTokens(tokens: number | undefined): string {
  return tokens === undefined ? '-' : formatCount(Math.round(tokens));
}
