import type { Config } from '../domain/config.ts';
import { withoutFence } from '../domain/expectation.ts';
import type { JsonSchemaObject } from '../domain/json-schema.ts';
import { type QueuedJob, isEmbedding } from '../domain/job.ts';
import { soundsLikeRefusal } from '../domain/refusal.ts';
import type { ToolCall } from '../domain/request.ts';
import type { Completion } from '../domain/result.ts';
import { compileSchema } from '../domain/schema-check.ts';
import { checkablePart } from '../domain/schema-subset.ts';
import { type Steps, createSteps } from '../domain/steps.ts';
import type { AnswerCheck } from '../domain/validation.ts';
import type { Start } from './services.ts';

const NONE: readonly AnswerCheck[] = [];

/**
 * What the answer to a job is checked for: what the job itself says, else its task. A job that compares models (one
 * model, or one attempt) keeps whatever answer it gets, unless it asks for the check itself. Vectors have none.
 */
export function checksOf({ job, maxAttempts }: Start, { tasks }: Pick<Config, 'tasks'>): readonly AnswerCheck[] {
  if (job.validate !== undefined) return job.validate;
  if (isEmbedding(job) || maxAttempts === 1 || job.model !== undefined || job.models?.length === 1) return NONE;
  if (job.task === null || !Object.hasOwn(tasks, job.task)) return NONE;
  return tasks[job.task]?.validate ?? NONE;
}

/** The most telling first: an answer that was cut off is no JSON either. */
const IN_ORDER: readonly AnswerCheck[] = ['refusal', 'truncated', 'json', 'schema'];

/** The first check that an answer does not pass; undefined when it passes all. `steps` bound what may be spent on it. */
export function failedCheck(
  completion: Completion,
  job: Pick<QueuedJob, 'response_format' | 'tools' | 'tool_choice'>,
  checks: readonly AnswerCheck[],
  steps: Steps = createSteps(),
): AnswerCheck | undefined {
  if (checks.length === 0) return undefined;
  return IN_ORDER.find((check) => checks.includes(check) && !PASSES[check](completion, job, steps));
}

type Passes = (completion: Completion, job: Parameters<typeof failedCheck>[1], steps: Steps) => boolean;

const PASSES: Record<AnswerCheck, Passes> = {
  refusal: ({ finish_reason, refusal, content }) =>
    finish_reason !== 'content_filter' && !refusal && !soundsLikeRefusal(content ?? ''),

  truncated: ({ finish_reason }) => finish_reason !== 'length',

  json: ({ content, tool_calls: calls }) =>
    calls?.length
      ? calls.every((call) => parseArguments(call) !== undefined)
      : parse(withoutFence(content ?? '')) !== undefined,

  schema: ({ content, tool_calls: calls }, { response_format: format, tools, tool_choice: choice }, steps) => {
    if (calls?.length) return areSound(calls, tools, steps);
    if (choice === 'required' || typeof choice === 'object') return false;
    if (format === undefined || format.type === 'text') return true;
    const schema = format.type === 'json_schema' ? format.json_schema.schema : ANY_OBJECT;
    return compile(schema, steps)(parse(withoutFence(content ?? '')));
  },
};

const ANY_OBJECT: JsonSchemaObject = { type: 'object' };

/** Each calls a tool of the job, with arguments that satisfy its schema. */
function areSound(calls: readonly ToolCall[], tools: QueuedJob['tools'] = [], steps: Steps): boolean {
  const offered = new Map(tools.map((tool) => [tool.function.name, tool.function.parameters ?? {}]));
  const compiled = new Map<string, ReturnType<typeof compile>>();
  return calls.every((call) => {
    const { name } = call.function;
    const parameters = offered.get(name);
    if (parameters === undefined) return false;
    const satisfies = compiled.get(name) ?? compile(parameters, steps);
    compiled.set(name, satisfies);
    return satisfies(parseArguments(call));
  });
}

type Parsed = { value: unknown } | undefined;

/** Without a schema that can be checked, it is enough that the text is JSON. */
function compile(schema: unknown, steps: Steps): (parsed: Parsed) => boolean {
  const part = checkablePart(schema, steps);
  const satisfies = part === undefined ? () => true : compileSchema(part, steps);
  return (parsed) => {
    if (parsed === undefined) return false;
    try {
      return satisfies(parsed.value);
    } catch {
      // It takes too long to tell: nothing shows that the answer is bad.
      return true;
    }
  };
}

/** A tool without parameters may be called with nothing at all. */
function parseArguments({ function: { arguments: text } }: ToolCall): Parsed {
  return parse(text.trim() || '{}');
}

function parse(text: string): Parsed {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
