import type { SamplingParameters } from '../../domain/request.ts';
import { JSON_ANSWER, type JsonAnswer } from './json.ts';
import type { ModelHabits } from '../../domain/claude-habits.ts';
import { toClosedSchema } from './schema.ts';

type Tool = { name: string; description?: string; input_schema: object; strict?: true };
type Choice = { type: 'auto' | 'any' | 'none' | 'tool'; name?: string; disable_parallel_tool_use?: true };

/** Tools, and whether one has to be called. */
export type Tooling = { tools: Tool[]; choice?: Choice };

export function toTooling(
  parameters: SamplingParameters,
  answer: JsonAnswer | undefined,
  habits: ModelHabits,
): Tooling {
  const { tools = [], tool_choice: asked, parallel_tool_calls: isParallel } = parameters;
  const own = tools.map((tool) => toTool(tool, habits));
  const oneAtATime = isParallel === false ? { disable_parallel_tool_use: true as const } : {};
  const isCallWanted = asked === 'required' || typeof asked === 'object';
  if (answer?.by === 'tool' && !(isCallWanted && own.length > 0)) {
    const withAnswer = [...own, answerToolOf(answer)];
    if (own.length === 0 || asked === 'none') return { tools: withAnswer, choice: { type: 'tool', name: JSON_ANSWER } };
    // The model calls one of the job's tools, or answers.
    return { tools: withAnswer, choice: { type: 'any', ...oneAtATime } };
  }
  if (own.length === 0) return { tools: [] };
  if (asked === 'none') return { tools: own, choice: { type: 'none' } };
  if (asked === undefined && isParallel !== false) return { tools: own };
  return { tools: own, choice: { ...choiceOf(asked), ...oneAtATime } };
}

function choiceOf(asked: SamplingParameters['tool_choice']): Choice {
  if (typeof asked === 'object') return { type: 'tool', name: asked.function.name };
  return { type: asked === 'required' ? 'any' : 'auto' };
}

function toTool({ function: tool }: NonNullable<SamplingParameters['tools']>[number], habits: ModelHabits): Tool {
  const { name, description, parameters, strict } = tool;
  const schema = { type: 'object', ...parameters };
  // `strict` binds the input as a schema binds an answer; where it cannot, the schema as it is says most.
  const closed = strict && habits.structuredOutputs ? toClosedSchema(schema) : undefined;
  return {
    name,
    ...(description === undefined ? {} : { description }),
    input_schema: closed ?? schema,
    ...(closed === undefined ? {} : { strict: true }),
  };
}

function answerToolOf({ schema }: JsonAnswer): Tool {
  return { name: JSON_ANSWER, description: 'Gives the whole answer, as one JSON object.', input_schema: schema };
}
