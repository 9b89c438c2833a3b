import { createReadStream } from 'node:fs';
import type { z } from 'zod';
import { readText, reasonOf } from '../../config/config-file.ts';
import { InputError } from '../../domain/errors.ts';
import { check, formatProblem } from '../../domain/issues.ts';
import { readLines } from '../../producer/index.ts';
import { RecordedModels } from '../../router/index.ts';

/** A row holds a whole prompt, and the outcomes of hundreds of models. */
const MOST_ROW_BYTES = 64 * 2 ** 20;

/** The rows of a JSON Lines file, one by one, checked: the first bad one ends it with an InputError that names its line. */
export async function* readRecorded<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): AsyncGenerator<z.output<Schema>> {
  for await (const line of linesOf(file)) {
    const where = `${file}, line ${line.number}`;
    if ('problem' in line) throw new InputError(`${where}: ${line.problem}`);
    const checked = check(schema, parseJson(line.text, where));
    if (!checked.ok) throw new InputError(checked.problems.map((problem) => `${where}: ${formatProblem(problem)}`));
    yield checked.value;
  }
}

export function readRecordedModels(file: string): RecordedModels {
  const checked = check(RecordedModels, parseJson(readText(file).replace(/^\uFEFF/, ''), file));
  if (!checked.ok) throw new InputError(checked.problems.map((problem) => `${file}: ${formatProblem(problem)}`));
  if (Object.keys(checked.value).length === 0) throw new InputError(`${file}: names no model`);
  return checked.value;
}

async function* linesOf(file: string): ReturnType<typeof readLines> {
  try {
    yield* readLines(createReadStream(file), MOST_ROW_BYTES);
  } catch (error) {
    throw new InputError(`cannot read ${file}: ${reasonOf(error)}`);
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${where}: not valid JSON`);
  }
}
