import { NO_TASK } from '../../domain/evidence.ts';
import { EXPECT_SOURCE } from '../../domain/feedback.ts';
import type { FeedbackEntry } from '../feedback-stream.ts';
import type { Keys } from '../keys.ts';
import type { UsageEntry } from '../usage-stream.ts';
import { fieldOf, isCell } from './cells.ts';

/** A figure on its way to a cell. */
export type Figure = {
  /** The name that its deployments share. */
  model: string;
  /** See `fieldOf`. */
  field: string;
  figure: number;
  /** What it takes the place of. */
  previous?: number;
  /** Where its place is noted, if it may be corrected. */
  note?: { key: string; source: string };
};

/** The name that what is learned of a model stands under. */
export type FamilyOf = (alias: string) => string;

export function figuresOfFeedback(entries: readonly FeedbackEntry[], keys: Keys, familyOf: FamilyOf): Figure[] {
  return entries.flatMap(({ feedback: { job_id: jobId, model: alias, task, score, previous, source } }) => {
    const [model, of] = [familyOf(alias), task ?? NO_TASK];
    if (!isCell(model, of)) return [];
    return {
      model,
      field: fieldOf('score', of),
      figure: score,
      ...(previous === undefined ? {} : { previous }),
      // An expectation does not change its mind.
      ...(source === EXPECT_SOURCE ? {} : { note: { key: keys.feedbackOf(jobId), source } }),
    };
  });
}

/** How long prompts and answers are: only where the provider has counted them. */
export function figuresOfUsage(entries: readonly UsageEntry[], familyOf: FamilyOf): Figure[] {
  return entries.flatMap(({ record }) => {
    const [model, task] = [familyOf(record.model), record.task ?? NO_TASK];
    if (record.outcome !== 'completed' || record.estimated || !isCell(model, task)) return [];
    const measures = ['input_tokens', 'output_tokens'] as const;
    return measures.map((measure) => ({ model, field: fieldOf(measure, task), figure: record[measure] }));
  });
}
