import type { ZodType } from 'zod';
import { Assertions, type JsonSchemaObject, LONGEST_LIST, resolveReference } from './json-schema.ts';
import { type Steps, spend } from './steps.ts';

/**
 * Schemas that come with a request are written for its provider and may say more than we can check. What is left out
 * must make a schema weaker and never stronger: a sound answer that is refused costs another call.
 */

type Fields = Record<string, unknown>;

const MAPS_OF_SCHEMAS = new Set(['properties', '$defs', 'definitions']);
const LISTS_OF_SCHEMAS = new Set(['prefixItems', 'allOf', 'anyOf', 'oneOf']);
const SCHEMAS = new Set(['additionalProperties', 'items', 'contains', 'not']);
/** Where a weaker schema inside makes a stronger one outside. */
const INVERTING = new Set(['not', 'oneOf']);

/** Keywords that we do not know, and those beside them that mean something else without them. */
const LOOSENED_BY = new Map([
  ['patternProperties', ['additionalProperties']],
  ['minContains', ['contains']],
  ['nullable', ['type', 'enum', 'const']],
]);

/** What is nested deeper than any schema that is written by hand is not followed. */
const DEEPEST_LEVEL = 50;
/** Finding out what is wrong takes longer than finding that nothing is. */
const STEPS_OF_A_MISTAKE = 30;
/** Nothing of what follows takes long; but a schema may be as long as a request. */
const STEPS_OF_A_SCHEMA = 4;
const STEPS_OF_A_KEYWORD = 4;
const CHARACTERS_A_STEP = 16;

/**
 * As much of a JSON Schema, which has come as JSON, as we can check: the schema itself when that is all of it, undefined
 * when it is nothing, or cannot be told in so many steps.
 */
export function checkablePart(schema: unknown, steps: Steps): JsonSchemaObject | undefined {
  if (!isObject(schema)) return undefined;
  const { $defs, definitions } = schema;
  const sections = { ...(isObject($defs) && { $defs }), ...(isObject(definitions) && { definitions }) } as Sections;
  try {
    const { part, isWhole } = prune(schema, { sections, steps }, 0);
    return (isWhole ? schema : part) as JsonSchemaObject;
  } catch {
    return undefined;
  }
}

type Sections = Pick<JsonSchemaObject, '$defs' | 'definitions'>;
type Whole = { sections: Sections; steps: Steps };

/** What is left of a value, undefined when it is left out. */
type Part = {
  part: unknown;
  /** Nothing in it was left out. */
  isWhole: boolean;
  /** A reference may lead to something of which something was left out. */
  hasReference: boolean;
};

const LEFT_OUT: Part = { part: undefined, isWhole: false, hasReference: false };

/** Without what cannot be checked. */
function prune(schema: unknown, whole: Whole, level: number): Part {
  spend(whole.steps, STEPS_OF_A_SCHEMA);
  if (typeof schema === 'boolean') return { part: schema, isWhole: true, hasReference: false };
  if (!isObject(schema) || level > DEEPEST_LEVEL) return { part: true, isWhole: false, hasReference: false };
  const loosened = Object.keys(schema).flatMap((name) => LOOSENED_BY.get(name) ?? []);
  return pruneFields(schema, (value, name) => {
    spend(whole.steps, STEPS_OF_A_KEYWORD);
    return loosened.includes(name) ? LEFT_OUT : pruneValue(name, value, whole, level);
  });
}

function pruneValue(name: string, value: unknown, whole: Whole, level: number): Part {
  const inner = (part: unknown): Part => prune(part, whole, level + 1);
  if (SCHEMAS.has(name) && !Array.isArray(value)) return pruneInverting(name, inner(value));
  if (LISTS_OF_SCHEMAS.has(name) && Array.isArray(value) && value.length > 0) {
    return pruneInverting(name, pruneItems(value, inner));
  }
  if (MAPS_OF_SCHEMAS.has(name) && isObject(value)) return pruneFields(value, inner);
  const hasReference = name === '$ref';
  const isKept = hasReference ? leadsSomewhere(value, whole) : isKnown(name, value, whole.steps);
  return isKept ? { part: value, isWhole: true, hasReference } : LEFT_OUT;
}

function pruneInverting(name: string, inner: Part): Part {
  const isDoubtful = INVERTING.has(name) && (!inner.isWhole || inner.hasReference);
  return isDoubtful ? { ...inner, part: undefined } : inner;
}

function pruneFields(fields: Fields, inner: (value: unknown, name: string) => Part): Part {
  const names = Object.keys(fields);
  const parts = names.map((name) => inner(fields[name], name));
  if (parts.every(({ part }, index) => part === fields[names[index] ?? ''])) return sum(fields, parts);
  const kept = names.map((name, index): [string, unknown] => [name, parts[index]?.part]);
  return sum(Object.fromEntries(kept.filter(([, part]) => part !== undefined)), parts);
}

function pruneItems(items: readonly unknown[], inner: (value: unknown) => Part): Part {
  const parts = items.map(inner);
  return sum(
    parts.map(({ part }) => part),
    parts,
  );
}

function sum(part: unknown, parts: readonly Part[]): Part {
  return {
    part,
    isWhole: parts.every(({ isWhole }) => isWhole),
    hasReference: parts.some(({ hasReference }) => hasReference),
  };
}

/** Whether a reference leads somewhere. */
function leadsSomewhere(reference: unknown, { sections, steps }: Whole): boolean {
  if (typeof reference !== 'string') return false;
  spend(steps, reference.length / CHARACTERS_A_STEP);
  return resolveReference(sections, reference) !== undefined;
}

function isKnown(name: string, value: unknown, steps: Steps): boolean {
  const shape: Record<string, ZodType> = Assertions.shape;
  if (!Object.hasOwn(shape, name)) return false;
  // What has come as JSON is JSON.
  if (name === 'const') return true;
  const length = Array.isArray(value) ? value.length : 0;
  if (name === 'enum') return length > 0 && length <= LONGEST_LIST;
  if (name === 'required' && length > LONGEST_LIST) return false;
  spend(steps, length);
  const isValid = shape[name]?.safeParse(value).success === true;
  if (!isValid) spend(steps, STEPS_OF_A_MISTAKE + length);
  return isValid;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
