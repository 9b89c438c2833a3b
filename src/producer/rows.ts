import type { Problem } from '../domain/issues.ts';
import type { PromptJob } from '../domain/job.ts';
import { type Intake, type Prepared, prepareJob } from './intake.ts';
import { readForeignLine } from './line-formats.ts';

/** What a batch's options say for rows that do not say it themselves. */
export type RowDefaults = Pick<
  PromptJob,
  | 'task'
  | 'max_cost_usd'
  | 'max_total_usd'
  | 'max_latency_ms'
  | 'max_tokens'
  | 'lane'
  | 'account'
  | 'strategy'
  | 'max_attempts'
  | 'deadline_ms'
>;

export type RowOptions = {
  intake: Intake;
  defaults: RowDefaults;
  /** What a row asks for beside its own fields, in place of what its `model` says. */
  wishes?: Partial<PromptJob>;
  /** Routes rows freely, whatever `model` they name: for files that were written for one provider. */
  anyModel: boolean;
  /** What a name in `model` stands for, where names may be more than aliases and pinned ids. */
  modelOf?: (name: string) => { ok: true; fields: Partial<PromptJob> } | { ok: false; message: string };
};

/** The value is not repeated: a bare text is a prompt. */
const NO_ROW: Prepared = { ok: false, problems: [{ path: [], message: 'expected an object: {"prompt": ...}' }] };

const ROUTED = 'sluice/auto';

/** One line of a batch file, in our own shape or in a provider's, as a job. `lineNumber` names a row that has no id. */
export function parseRow(text: string, lineNumber: number, options: RowOptions): Prepared {
  const parsed = parseJson(text);
  return parsed.ok ? prepareLine(parsed.value, lineNumber, options) : parsed;
}

/** Likewise, of a line whose JSON was read before. */
export function prepareLine(line: unknown, lineNumber: number, options: RowOptions): Prepared {
  const foreign = readForeignLine(line);
  if (foreign === undefined) return prepareRow(line, lineNumber, options);
  if (!foreign.ok) return foreign;
  const prepared = prepareRow(foreign.row, lineNumber, options);
  if (prepared.ok) return prepared;
  return {
    ok: false,
    problems: prepared.problems.map(({ path, message }) => ({ path: foreign.placeOf(path), message })),
  };
}

/** What is wrong with the defaults themselves, in the words of the flags, instead of once a line. */
export function problemsOfDefaults(defaults: RowDefaults, options: RowOptions): string[] {
  const prepared = prepareJob({ prompt: '-', ...defaults }, options.intake);
  if (prepared.ok) return [];
  return prepared.problems.map(({ path, message }) => `--${path.join('.').replaceAll('_', '-')}: ${message}`);
}

function prepareRow(row: unknown, lineNumber: number, options: RowOptions): Prepared {
  if (row === null || typeof row !== 'object' || Array.isArray(row)) return NO_ROW;
  const { model, ...rest } = row as Record<string, unknown>;
  const named = fieldsOfModel(model, options);
  if (!named.ok) return { ok: false, problems: [{ path: ['model'], message: named.message }] };
  const defaults = defaultsFor(rest, options.defaults);
  return prepareJob(
    { id: `line-${lineNumber}`, ...defaults, ...named.fields, ...options.wishes, ...rest },
    options.intake,
  );
}

/** A file may have rows of both sorts: how long an answer may be is said of those that have one. */
function defaultsFor(row: object, { max_tokens: maxTokens, ...defaults }: RowDefaults): RowDefaults {
  return 'input' in row || maxTokens === undefined ? defaults : { ...defaults, max_tokens: maxTokens };
}

function fieldsOfModel(
  model: unknown,
  { anyModel, modelOf }: RowOptions,
): { ok: true; fields: object } | { ok: false; message: string } {
  if (anyModel || model === undefined) return { ok: true, fields: {} };
  if (modelOf && typeof model === 'string') return modelOf(model);
  return { ok: true, fields: model === ROUTED ? {} : { model } };
}

export function parseJson(text: string): { ok: true; value: unknown } | { ok: false; problems: Problem[] } {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    return { ok: false, problems: [{ path: [], message: `not valid JSON (${reasonOf(error, text)})` }] };
  }
}

/** The parser's reason and place, without the piece of text that it quotes: that may be a prompt. */
function reasonOf(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : '';
  const reason = message
    .replace(/(, (\.\.\.)?"| in JSON| of JSON| at position).*$/s, '')
    .replace(/^Unexpected token '(.+)'$/su, (_match, token: string) => `Unexpected token ${printable(token)}`);
  return `${reason} at column ${columnOf(text)}`;
}

/** V8 often leaves the position out; the longest beginning that more text could complete gives it away. */
function columnOf(text: string): number {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (isBeginningOfJson(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good + 1;
}

function isBeginningOfJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const position = /at position (\d+)/.exec(message)?.[1];
    return position === undefined ? message.startsWith('Unexpected end') : Number(position) >= text.length;
  }
}

function printable(token: string): string {
  return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(token)
    ? token
    : `U+${(token.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
