import { z } from 'zod';

/** What a model says to one known prompt: `answer` when it is up to the task, else `wrong`. */
const SimAnswer = z.strictObject({ task: z.string().min(1), answer: z.string(), wrong: z.string() });
export type SimAnswer = z.infer<typeof SimAnswer>;

/** Text of the last user message, trimmed, to its answers. */
export type SimAnswers = ReadonlyMap<string, SimAnswer>;

const AnswerLine = SimAnswer.extend({ prompt: z.string().min(1) });

/** Reads JSONL, one `{prompt, task, answer, wrong}` a line. Throws an Error with one line that names the bad line. */
export function parseAnswers(lines: Iterable<string>): SimAnswers {
  const answers = new Map<string, SimAnswer>();
  let number = 0;
  for (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const { prompt, ...answer } = parseLine(line, number);
    const key = prompt.trim();
    if (answers.has(key)) throw new Error(`answers line ${number}: this prompt has an answer already`);
    answers.set(key, answer);
  }
  return answers;
}

function parseLine(line: string, number: number): z.infer<typeof AnswerLine> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error(`answers line ${number}: not JSON`);
  }
  const result = AnswerLine.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join('.') ?? '';
  throw new Error(`answers line ${number}: ${path === '' ? '' : `${path}: `}${issue?.message ?? 'invalid'}`);
}
