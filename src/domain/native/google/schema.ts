import type { z } from 'zod';

type Json = z.infer<z.ZodJSONSchema>;
type Schema = Record<string, Json>;

/** Counts that Google writes as texts, as it does with 64-bit numbers. */
const COUNTS = new Set(['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties']);

/**
 * Google's own Schema, a dialect of OpenAPI's (https://ai.google.dev/api/caching#Schema), as the JSON Schema that
 * everybody else speaks: types in small letters, `nullable` as a further type. The order in which it wants properties
 * written has no word there.
 */
export function toJsonSchema(schema: Schema): Schema {
  const { nullable, propertyOrdering: _order, example, ...keywords } = renamed(schema);
  const converted: Schema = {};
  for (const [keyword, value] of Object.entries(keywords)) converted[keyword] = convert(keyword, value);
  if (example !== undefined) converted['examples'] = [example];
  return nullable === true ? withNull(converted) : converted;
}

function convert(keyword: string, value: Json): Json {
  if (keyword === 'type' && typeof value === 'string') return value.toLowerCase();
  if (keyword === 'items') return convertChild(value);
  if (keyword === 'anyOf' && Array.isArray(value)) return value.map(convertChild);
  if (keyword === 'properties' && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, property]) => [name, convertChild(property)]));
  }
  return COUNTS.has(keyword) ? Number(value) : value;
}

function convertChild(value: Json): Json {
  return isObject(value) ? toJsonSchema(value) : value;
}

function withNull(schema: Schema): Schema {
  const { type, enum: options, anyOf } = schema;
  return {
    ...schema,
    ...(typeof type === 'string' ? { type: [type, 'null'] } : {}),
    ...(Array.isArray(options) ? { enum: [...options, null] } : {}),
    ...(Array.isArray(anyOf) ? { anyOf: [...anyOf, { type: 'null' }] } : {}),
  };
}

const SNAKE_CASED = new Map(
  ['anyOf', 'propertyOrdering', ...COUNTS].map((name) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    name,
  ]),
);

/** Keywords alone: the names of properties are the caller's. */
function renamed(schema: Schema): Schema {
  return Object.fromEntries(Object.entries(schema).map(([name, value]) => [SNAKE_CASED.get(name) ?? name, value]));
}

function isObject(value: Json): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
