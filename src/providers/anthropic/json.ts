import type { SamplingParameters } from '../../domain/request.ts';
import type { ModelHabits } from '../../domain/claude-habits.ts';
import { toClosedSchema } from './schema.ts';

type JsonObject = { readonly [name: string]: unknown };

/**
 * How an answer that has to be JSON is asked for.
 *
 * - `format`: as the API binds an answer to a schema.
 * - `tool`: as the input of a tool that has to be called, from models that cannot be bound.
 */
export type JsonAnswer = { by: 'format' | 'tool'; schema: JsonObject };

/** Name of the tool, and of the one field of the wrapping, by which the answer is known when it comes back. */
export const JSON_ANSWER = 'sluice_json_answer';

export function jsonAnswerOf(
  format: SamplingParameters['response_format'],
  { structuredOutputs }: ModelHabits,
): JsonAnswer | undefined {
  if (format === undefined || format.type === 'text') return undefined;
  const schema = format.type === 'json_schema' ? format.json_schema.schema : undefined;
  if (!structuredOutputs) return { by: 'tool', schema: { type: 'object', ...schema } };
  return { by: 'format', schema: (schema && toClosedSchema(schema)) ?? wrappingOf(schema) };
}

/**
 * The API can bind an answer to closed objects only. A free one is asked for as a text within such an object, and what
 * comes is checked to be one.
 */
function wrappingOf(schema: JsonObject | undefined): JsonObject {
  const fitting = schema === undefined ? '' : ` that fits this JSON Schema: ${JSON.stringify(schema)}`;
  return {
    type: 'object',
    properties: {
      [JSON_ANSWER]: { type: 'string', description: `The whole answer: one JSON object, as text,${fitting}` },
    },
    required: [JSON_ANSWER],
    additionalProperties: false,
  };
}

const OPENING = `{"${JSON_ANSWER}":"`;
const OPENING_PATTERN = new RegExp(`^\\s*\\{\\s*"${JSON_ANSWER}"\\s*:\\s*"`);

/** What stands in the wrapping, as far as it has come; undefined for a text that is in none. */
export function unwrapJson(text: string): string | undefined {
  const opening = OPENING_PATTERN.exec(text)?.[0];
  if (opening === undefined) return undefined;
  const whole = fieldOf(parse(text));
  if (whole !== undefined) return whole;
  // Cut off by the limit on tokens, perhaps within an escaped character.
  const rest = text.slice(opening.length).replace(/\\(u[\da-f]{0,3})?$/i, '');
  const inner = parse(`"${rest}"`);
  return typeof inner === 'string' ? inner : '';
}

/** Whether a text of which this is the beginning may turn out to be in the wrapping. */
export function mayBeWrapped(beginning: string): boolean {
  const start = beginning.slice(0, 4 * OPENING.length).replaceAll(/\s/g, '');
  return start.startsWith(OPENING) || OPENING.startsWith(start);
}

export function isJsonObject(text: string): boolean {
  const value = parse(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldOf(value: unknown): string | undefined {
  const field = typeof value === 'object' && value !== null ? (value as JsonObject)[JSON_ANSWER] : undefined;
  return typeof field === 'string' ? field : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
