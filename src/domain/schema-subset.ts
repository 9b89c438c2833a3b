import { JsonSchemaObject, brokenReferences } from './json-schema.ts';

/**
 * Schemas that come with a request are written for its provider and may say more than we can check. What is left out
 * must make a schema weaker and never stronger: a sound answer that is refused costs another call.
 */

type Fields = Record<string, unknown>;

const MAPS_OF_SCHEMAS = new Set(['properties', '$defs', 'definitions']);
const LISTS_OF_SCHEMAS = new Set(['prefixItems', 'allOf', 'anyOf']);
const SCHEMAS = new Set(['additionalProperties', 'items', 'contains']);
/** Where a weaker schema inside makes a stronger one outside. */
const INVERTING = new Set(['not', 'oneOf']);

/** Keywords that we do not know, and those beside them that mean something else without them. */
const LOOSENED_BY = new Map([
  ['patternProperties', ['additionalProperties']],
  ['minContains', ['contains']],
  ['nullable', ['type', 'enum', 'const']],
]);

/** As much of a JSON Schema as we can check; undefined when that is nothing. */
export function checkablePart(schema: unknown): JsonSchemaObject | undefined {
  try {
    return partOf(schema);
  } catch {
    // It is nested so deep that it cannot even be read.
    return undefined;
  }
}

function partOf(schema: unknown): JsonSchemaObject | undefined {
  const whole = JsonSchemaObject.safeParse(schema);
  if (whole.success && brokenReferences(whole.data).length === 0) return whole.data;
  const part = JsonSchemaObject.safeParse(prune(schema, NO_REFERENCES));
  if (!part.success) return undefined;
  const broken = brokenReferences(part.data);
  return broken.length === 0 ? part.data : JsonSchemaObject.safeParse(prune(part.data, new Set(broken))).data;
}

const NO_REFERENCES: ReadonlySet<string> = new Set();
/** What is nested deeper than any schema that is written by hand is not followed. */
const DEEPEST_LEVEL = 50;

/** Without what cannot be checked, and without these references. */
function prune(schema: unknown, broken: ReadonlySet<string>, level = 0): unknown {
  if (!isObject(schema) || level > DEEPEST_LEVEL) return true;
  const loosened = new Set(Object.keys(schema).flatMap((name) => LOOSENED_BY.get(name) ?? []));
  const inner = (part: unknown): unknown => (typeof part === 'boolean' ? part : prune(part, broken, level + 1));
  const kept = Object.entries(schema).flatMap(([name, value]) => {
    if (loosened.has(name) || (name === '$ref' && broken.has(String(value)))) return [];
    // A reference may lead to something that was pruned.
    if (INVERTING.has(name)) return isKnown(name, value) && !refersToOthers(value) ? [[name, value]] : [];
    const pruned = pruneValue(name, value, inner);
    return isKnown(name, pruned) ? [[name, pruned]] : [];
  });
  return Object.fromEntries(kept);
}

function pruneValue(name: string, value: unknown, inner: (part: unknown) => unknown): unknown {
  if (SCHEMAS.has(name) && !Array.isArray(value)) return inner(value);
  if (LISTS_OF_SCHEMAS.has(name) && Array.isArray(value)) return value.map(inner);
  if (MAPS_OF_SCHEMAS.has(name) && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inner(part)]));
  }
  return value;
}

function isKnown(name: string, value: unknown): boolean {
  return JsonSchemaObject.safeParse({ [name]: value }).success;
}

function refersToOthers(value: unknown): boolean {
  return JSON.stringify(value).includes('"$ref"');
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
