import type { ModelSpec } from './model.ts';
import { costOfUsage } from './price.ts';
import type { AttemptSummary, JobResult } from './result.ts';
import type { TokenUsage } from './usage.ts';

/** Answers that were checked against an expectation. */
export type Accuracy = { scored: number; correct: number };

export type ModelLine = {
  model: string;
  answered: number;
  attempts: number;
  failedAttempts: number;
  costNanos: number;
} & Accuracy;
export type TaskLine = { task: string; rows: number; completed: number; costNanos: number } & Accuracy;

/** What a batch came to. Costs are of all attempts, those that failed included. */
export type BatchSummary = {
  rows: number;
  completed: number;
  failed: number;
  /** Rows without a result (yet). */
  open: number;
  cached: number;
  attempts: number;
  /** Attempts on another model than the row's attempt before it. */
  fallbacks: number;
  costNanos: number;
  byModel: ModelLine[];
  byTask: TaskLine[];
  accuracy: Accuracy;
  /** What the answers' tokens would have cost on the dearest model. */
  dearest?: { model: string; costNanos: number };
  /** Error code -> rows that failed with it. */
  errors: Record<string, number>;
};

/** Folds results into a summary, one at a time, so that a batch of any size fits. */
export function createSummary(models: readonly ModelSpec[]) {
  const byModel = new Map<string, ModelLine>();
  const byTask = new Map<string, TaskLine>();
  const dearest = dearestOf(models);
  const totals = { rows: 0, completed: 0, failed: 0, open: 0, cached: 0, attempts: 0, fallbacks: 0, costNanos: 0 };
  const errors: Record<string, number> = {};
  let dearestNanos = 0;

  function add(result: JobResult | undefined): void {
    totals.rows += 1;
    if (!result) {
      totals.open += 1;
      return;
    }
    const calls = result.attempts.filter((attempt) => attempt.outcome !== 'cached');
    totals.costNanos += result.cost_nanos;
    totals.attempts += calls.length;
    totals.fallbacks += calls.filter((call, index) => index > 0 && call.model !== calls[index - 1]?.model).length;
    for (const attempt of calls) countAttempt(lineOf(byModel, attempt.model, newModelLine), attempt);
    const task = lineOf(byTask, result.task ?? '-', newTaskLine);
    task.rows += 1;
    task.costNanos += result.cost_nanos;
    if (result.status === 'failed') {
      totals.failed += 1;
      errors[result.error.code] = (errors[result.error.code] ?? 0) + 1;
      return;
    }
    totals.completed += 1;
    task.completed += 1;
    if (result.cached) totals.cached += 1;
    const model = lineOf(byModel, result.model, newModelLine);
    model.answered += 1;
    for (const line of result.score === undefined ? [] : [task, model]) {
      line.scored += 1;
      line.correct += result.score ?? 0;
    }
    if (dearest) dearestNanos += costOfUsage(dearest.price, withoutTier(result.completion.usage));
  }

  function summary(): BatchSummary {
    const tasks = [...byTask.values()].toSorted((a, b) => a.task.localeCompare(b.task));
    return {
      ...totals,
      byModel: [...byModel.values()].toSorted((a, b) => b.answered - a.answered || a.model.localeCompare(b.model)),
      byTask: tasks,
      accuracy: {
        scored: tasks.reduce((sum, line) => sum + line.scored, 0),
        correct: tasks.reduce((sum, line) => sum + line.correct, 0),
      },
      ...(dearest ? { dearest: { model: dearest.alias, costNanos: dearestNanos } } : {}),
      errors,
    };
  }

  return { add, summary };
}

function countAttempt(line: ModelLine, attempt: AttemptSummary): void {
  line.attempts += 1;
  line.costNanos += attempt.cost_nanos;
  if (attempt.outcome !== 'completed') line.failedAttempts += 1;
}

function newModelLine(model: string): ModelLine {
  return { model, answered: 0, attempts: 0, failedAttempts: 0, costNanos: 0, scored: 0, correct: 0 };
}

function newTaskLine(task: string): TaskLine {
  return { task, rows: 0, completed: 0, costNanos: 0, scored: 0, correct: 0 };
}

function lineOf<Line>(lines: Map<string, Line>, name: string, create: (name: string) => Line): Line {
  const line = lines.get(name) ?? create(name);
  lines.set(name, line);
  return line;
}

/** How another model would have served it nobody knows: in the ordinary way. */
function withoutTier({ service_tier: _tier, ...tokens }: TokenUsage): TokenUsage {
  return tokens;
}

/** By the price of a token in and a token out together: the order that a price list shows. */
function dearestOf(models: readonly ModelSpec[]): ModelSpec | undefined {
  return models.toSorted((a, b) => priceOf(b) - priceOf(a))[0];
}

function priceOf({ price }: ModelSpec): number {
  return price.inputPicosPerToken + price.outputPicosPerToken;
}
