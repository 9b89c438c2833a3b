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
  /** Whose answer was scored: a job counts once, however many score it. `notes` is the hash of its scores. */
  job?: { task: string; notes: string; result: string };
  /** Under whose name its place is noted, if it may be corrected. */
  source?: string;
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
      job: { task: of, notes: keys.feedbackOf(jobId), result: keys.result(jobId) },
      // An expectation does not change its mind.
      ...(source === EXPECT_SOURCE ? {} : { source }),
    };
  });
}

/** How long prompts and answers are: only where the provider has counted them. */
export function figuresOfUsage(entries: readonly UsageEntry[], familyOf: FamilyOf): Figure[] {
  return entries.flatMap(({ record }) => {
    const [model, task] = [familyOf(record.model), record.task ?? NO_TASK];
    if (record.outcome !== 'completed' || record.estimated || !isCell(model, task)) return [];
    const { input_tokens: input, output_tokens: output, estimated_input_tokens: estimate = 0 } = record;
    const ratio = estimate > 0 ? [['input_ratio', clampRatio(input / estimate)] as const] : [];
    const figures = [['input_tokens', input] as const, ['output_tokens', output] as const, ...ratio];
    return figures.map(([measure, figure]) => ({ model, field: fieldOf(measure, task), figure }));
  });
}

/** One call whose prompt was counted in an odd way must not outweigh hundreds of others. */
function clampRatio(ratio: number): number {
  return Math.min(20, Math.max(0.1, ratio));
}
