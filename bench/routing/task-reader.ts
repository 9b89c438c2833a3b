import { recordedTextOf } from '../../src/router/recorded/learn.ts';
import type { RecordedRow } from '../../src/router/recorded/rows.ts';
import { createTaskReader, type TaskReader, trainTextModel } from '../../src/router/text/index.ts';

/** Reads tasks from prompts, as learned from rows that tell theirs; undefined where they are all of one task, or of none. */
export function taskReaderFrom(rows: readonly RecordedRow[]): TaskReader | undefined {
  const samples = rows.flatMap((row) =>
    row.task === undefined ? [] : [{ text: recordedTextOf(row), task: row.task }],
  );
  if (new Set(samples.map(({ task }) => task)).size < 2) return undefined;
  const reader = createTaskReader(trainTextModel(samples));
  // The same prompt is asked for at many trade-offs, one right after the other. Where decisions are timed it is not.
  let last = { text: '', probabilities: reader.read('') };
  return {
    tasks: reader.tasks,
    read(text) {
      if (last.text !== text) last = { text, probabilities: reader.read(text) };
      return last.probabilities;
    },
  };
}
