import { z } from 'zod';
import { type PromptJob, isEmbedding, messagesOf } from '../../domain/job.ts';
import { check, formatProblem } from '../../domain/issues.ts';
import { Name } from '../../domain/name.ts';
import { Message } from '../../domain/request.ts';
import { readForeignLine } from '../../producer/line-formats.ts';
import type { Line } from '../../producer/index.ts';
import { parseJson } from '../../producer/rows.ts';
import { SeenIds } from '../../producer/seen-ids.ts';
import { promptTextOf } from '../../router/index.ts';
import type { TextSample } from '../../router/text/index.ts';

/** A prompt with its task. Whatever else stands in the line is of no interest here. */
const LabelledRow = z
  .looseObject({
    task: Name.nullish(),
    prompt: z.string().optional(),
    messages: z.array(Message).min(1).optional(),
  })
  .refine(({ prompt, messages }) => prompt !== undefined || messages !== undefined, 'missing: prompt or messages');

/** More make a model no better that only tells a few tasks apart, and take minutes. */
const MOST_SAMPLES = 50_000;
/** More of a text is not looked at. */
const MOST_CHARACTERS = 100_000;

/** What a text model is trained from: each prompt once, as a router would read it. */
export class Samples {
  readonly samples: TextSample[] = [];
  /** Prompts that say no task, and those beyond the number that is taken. */
  withoutTask = 0;
  beyond = 0;
  readonly #seen = new SeenIds();

  add(job: Pick<PromptJob, 'prompt' | 'messages' | 'input'> & { task?: string | null | undefined }): void {
    if (isEmbedding(job)) return;
    const text = promptTextOf(messagesOf(job)).slice(0, MOST_CHARACTERS);
    if (job.task == null) this.withoutTask += 1;
    else if (this.#seen.note(text, 1) !== undefined) return;
    else if (this.samples.length >= MOST_SAMPLES) this.beyond += 1;
    else this.samples.push({ text, task: job.task });
  }

  /** Takes a line of a batch file in any format, or of recorded outcomes; returns what is wrong with it. */
  addLine(line: Line): string | undefined {
    if ('problem' in line) return line.problem;
    const parsed = parseJson(line.text);
    if (!parsed.ok) return parsed.problems.map(formatProblem).join('; ');
    const foreign = readForeignLine(parsed.value);
    if (foreign?.ok === false) return foreign.problems.map(formatProblem).join('; ');
    const row = check(LabelledRow, foreign?.row ?? parsed.value);
    if (!row.ok) return row.problems.map(formatProblem).join('; ');
    const { task, prompt, messages } = row.value;
    this.add({ task, ...(messages === undefined ? { prompt: prompt ?? '' } : { messages }) });
    return undefined;
  }

  /** By name, how many prompts each task has. */
  tasks(): [string, number][] {
    return [...Map.groupBy(this.samples, ({ task }) => task)]
      .map(([task, all]): [string, number] => [task, all.length])
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
}
