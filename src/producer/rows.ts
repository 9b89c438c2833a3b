import { z } from 'zod';
import { Expectation } from '../domain/expectation.ts';
import { type Problem, check } from '../domain/issues.ts';
import type { PromptJob } from '../domain/job.ts';
import { Message, SamplingParameters } from '../domain/request.ts';
import { type Intake, type Prepared, prepareJob } from './intake.ts';

/** What a batch's options say for rows that do not say it themselves. */
export type RowDefaults = Pick<
  PromptJob,
  | 'task'
  | 'max_cost_usd'
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
  /** Routes rows freely, whatever `model` they name: for files that were written for one provider. */
  anyModel: boolean;
};

/** Our own additions to OpenAI's line; the output has a field of the same name. */
const Extension = z.strictObject({
  task: z.string().optional(),
  max_cost_usd: z.number().optional(),
  max_latency_ms: z.number().optional(),
  lane: z.string().optional(),
  account: z.string().optional(),
  expect: Expectation.optional(),
});

/** A line of OpenAI's batch format: https://platform.openai.com/docs/guides/batch */
const OpenAiLine = z.strictObject({
  custom_id: z.string().min(1).max(256),
  method: z.literal('POST'),
  url: z.literal('/v1/chat/completions'),
  body: z.strictObject({
    model: z.string().min(1),
    messages: z.array(Message).min(1).max(2_000),
    ...SamplingParameters.shape,
    max_tokens: z.int().min(1).optional(),
    max_completion_tokens: z.int().min(1).optional(),
    user: z.string().optional(),
    metadata: z.record(z.string(), z.string()).nullish(),
    stream: z.literal(false, 'a batch has no streams; leave it out').nullish(),
    n: z.literal(1, 'one answer a row; leave it out').nullish(),
    store: z.boolean().nullish(),
    service_tier: z.string().nullish(),
  }),
  x_sluice: Extension.optional(),
});
type OpenAiLine = z.infer<typeof OpenAiLine>;

/** The value is not repeated: a bare text is a prompt. */
const NO_ROW: Prepared = { ok: false, problems: [{ path: [], message: 'expected an object: {"prompt": ...}' }] };

const ROUTED = 'sluice/auto';

/** One line of a batch file, in our own shape or in OpenAI's, as a job. `lineNumber` names a row that has no id. */
export function parseRow(text: string, lineNumber: number, options: RowOptions): Prepared {
  const parsed = parseJson(text);
  if (!parsed.ok) return parsed;
  if (!isOpenAiLine(parsed.value)) return prepareRow(parsed.value, lineNumber, options);
  const line = check(OpenAiLine, parsed.value);
  if (!line.ok) return line;
  const prepared = prepareRow(fromOpenAi(line.value), lineNumber, options);
  return prepared.ok ? prepared : { ok: false, problems: prepared.problems.map(inOpenAiTerms) };
}

/** By any field that our own rows do not have, so that a line without `custom_id` hears that it is missing. */
function isOpenAiLine(row: unknown): boolean {
  return row !== null && typeof row === 'object' && ['custom_id', 'body', 'method', 'url'].some((name) => name in row);
}

/** What is wrong with the defaults themselves, in the words of the flags, instead of once a line. */
export function problemsOfDefaults(defaults: RowDefaults, options: RowOptions): string[] {
  const prepared = prepareJob({ prompt: '-', ...defaults }, options.intake);
  if (prepared.ok) return [];
  return prepared.problems.map(({ path, message }) => `--${path.join('.').replaceAll('_', '-')}: ${message}`);
}

function prepareRow(row: unknown, lineNumber: number, { intake, defaults, anyModel }: RowOptions): Prepared {
  if (row === null || typeof row !== 'object' || Array.isArray(row)) return NO_ROW;
  const job: Record<string, unknown> = { id: `line-${lineNumber}`, ...defaults, ...row };
  if (anyModel || job['model'] === ROUTED) delete job['model'];
  return prepareJob(job, intake);
}

function fromOpenAi({ custom_id, body, x_sluice }: OpenAiLine): PromptJob {
  const {
    max_tokens,
    max_completion_tokens,
    metadata,
    stream: _stream,
    n: _n,
    store: _store,
    service_tier: _tier,
    ...rest
  } = body;
  const maxTokens = max_completion_tokens ?? max_tokens;
  return {
    ...rest,
    ...x_sluice,
    id: custom_id,
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(metadata ? { metadata } : {}),
  };
}

const OF_THE_LINE = new Set(['task', 'max_cost_usd', 'max_latency_ms', 'lane', 'account', 'expect']);

function inOpenAiTerms({ path, message }: Problem): Problem {
  const first = path[0];
  if (first === 'id') return { path: ['custom_id', ...path.slice(1)], message };
  return { path: [typeof first === 'string' && OF_THE_LINE.has(first) ? 'x_sluice' : 'body', ...path], message };
}

function parseJson(text: string): { ok: true; value: unknown } | { ok: false; problems: Problem[] } {
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
