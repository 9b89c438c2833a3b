import type { Config } from '../domain/config.ts';
import { withoutFence } from '../domain/expectation.ts';
import { type JsonSchemaObject, satisfiesSchema } from '../domain/json-schema.ts';
import type { QueuedJob } from '../domain/job.ts';
import { soundsLikeRefusal } from '../domain/refusal.ts';
import type { Completion } from '../domain/result.ts';
import { checkablePart } from '../domain/schema-subset.ts';
import type { AnswerCheck } from '../domain/validation.ts';
import type { Start } from './services.ts';

const NONE: readonly AnswerCheck[] = [];

/**
 * What the answer to a job is checked for: what the job itself says, else its task. A job that compares models (one
 * model, or one attempt) keeps whatever answer it gets, unless it asks for the check itself.
 */
export function checksOf({ job, maxAttempts }: Start, { tasks }: Pick<Config, 'tasks'>): readonly AnswerCheck[] {
  if (job.validate !== undefined) return job.validate;
  if (maxAttempts === 1 || job.model !== undefined || job.models?.length === 1) return NONE;
  if (job.task === null || !Object.hasOwn(tasks, job.task)) return NONE;
  return tasks[job.task]?.validate ?? NONE;
}

/** The most telling first: an answer that was cut off is no JSON either. */
const IN_ORDER: readonly AnswerCheck[] = ['refusal', 'truncated', 'json', 'schema'];

/** The first check that an answer does not pass; undefined when it passes all. */
export function failedCheck(
  completion: Completion,
  job: Pick<QueuedJob, 'response_format' | 'tools' | 'tool_choice'>,
  checks: readonly AnswerCheck[],
): AnswerCheck | undefined {
  if (checks.length === 0) return undefined;
  return IN_ORDER.find((check) => checks.includes(check) && !PASSES[check](completion, job));
}

type Passes = (completion: Completion, job: Parameters<typeof failedCheck>[1]) => boolean;

const PASSES: Record<AnswerCheck, Passes> = {
  refusal: ({ finish_reason, refusal, content }) =>
    finish_reason !== 'content_filter' && !refusal && !soundsLikeRefusal(content ?? ''),

  truncated: ({ finish_reason }) => finish_reason !== 'length',

  json: ({ content, tool_calls: calls }) =>
    calls?.length
      ? calls.every((call) => parse(call.function.arguments) !== undefined)
      : parse(withoutFence(content ?? '')) !== undefined,

  schema: ({ content, tool_calls: calls }, { response_format: format, tools, tool_choice: choice }) => {
    if (calls?.length) return calls.every((call) => isSoundCall(call.function, tools));
    if (choice === 'required' || typeof choice === 'object') return false;
    if (format === undefined || format.type === 'text') return true;
    const schema = format.type === 'json_schema' ? checkablePart(format.json_schema.schema) : ANY_OBJECT;
    return satisfies(schema, withoutFence(content ?? ''));
  },
};

const ANY_OBJECT: JsonSchemaObject = { type: 'object' };

type Call = NonNullable<Completion['tool_calls']>[number]['function'];

function isSoundCall({ name, arguments: text }: Call, tools: QueuedJob['tools']): boolean {
  const tool = tools?.find((offered) => offered.function.name === name);
  // A tool without parameters may be called with nothing at all.
  return tool !== undefined && satisfies(checkablePart(tool.function.parameters ?? {}), text.trim() || '{}');
}

/** Without a schema that can be checked, it is enough that the text is JSON. */
function satisfies(schema: JsonSchemaObject | undefined, text: string): boolean {
  const parsed = parse(text);
  if (parsed === undefined || schema === undefined) return parsed !== undefined;
  try {
    return satisfiesSchema(schema, parsed.value);
  } catch {
    // It takes too long to tell: nothing shows that the answer is bad.
    return true;
  }
}

function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
