import { z } from 'zod';

/**
 * The part of JSON Schema (2020-12) that an expectation may use, checked strictly: a keyword that is not here is
 * refused when the job comes in, since leaving it out of account would give wrong answers the full score. Regular
 * expressions are left out on purpose: one that backtracks would hold a worker for ever.
 */
const TypeName = z.enum(['null', 'boolean', 'number', 'integer', 'string', 'array', 'object']);
const Count = z.int().min(0).optional();
const Bound = z.number().optional();
const Annotation = z.unknown().optional();

type JsonSchema = boolean | JsonSchemaObject;
export type JsonSchemaObject = z.infer<typeof Assertions> & {
  properties?: Record<string, JsonSchema> | undefined;
  additionalProperties?: JsonSchema | undefined;
  prefixItems?: JsonSchema[] | undefined;
  items?: JsonSchema | undefined;
  contains?: JsonSchema | undefined;
  allOf?: JsonSchema[] | undefined;
  anyOf?: JsonSchema[] | undefined;
  oneOf?: JsonSchema[] | undefined;
  not?: JsonSchema | undefined;
  $defs?: Record<string, JsonSchema> | undefined;
  definitions?: Record<string, JsonSchema> | undefined;
};

const Assertions = z.strictObject({
  type: z.union([TypeName, z.array(TypeName).min(1).max(7)]).optional(),
  enum: z.array(z.json()).min(1).max(1_000).optional(),
  const: z.json().optional(),
  minimum: Bound,
  maximum: Bound,
  exclusiveMinimum: Bound,
  exclusiveMaximum: Bound,
  multipleOf: z.number().positive().optional(),
  minLength: Count,
  maxLength: Count,
  minItems: Count,
  maxItems: Count,
  uniqueItems: z.boolean().optional(),
  minProperties: Count,
  maxProperties: Count,
  required: z.array(z.string()).max(1_000).optional(),
  /** `#` or `#/$defs/NAME`. */
  $ref: z.string().optional(),
  $schema: Annotation,
  $id: Annotation,
  $comment: Annotation,
  title: Annotation,
  description: Annotation,
  default: Annotation,
  examples: Annotation,
  deprecated: Annotation,
  format: Annotation,
});

const Schema: z.ZodType<JsonSchema, JsonSchema> = z.lazy(() => z.union([z.boolean(), JsonSchemaObject]));
const SchemaList = z.array(Schema).min(1).optional();
const SchemaMap = z.record(z.string(), Schema).optional();

export const JsonSchemaObject: z.ZodType<JsonSchemaObject, JsonSchemaObject> = Assertions.extend({
  properties: SchemaMap,
  additionalProperties: Schema.optional(),
  prefixItems: SchemaList,
  items: Schema.optional(),
  contains: Schema.optional(),
  allOf: SchemaList,
  anyOf: SchemaList,
  oneOf: SchemaList,
  not: Schema.optional(),
  $defs: SchemaMap,
  definitions: SchemaMap,
});

/** References that lead nowhere. */
export function brokenReferences(root: JsonSchemaObject): string[] {
  const references = new Set<string>();
  JSON.stringify(root, (key, value: unknown) => {
    if (key === '$ref' && typeof value === 'string') references.add(value);
    return value;
  });
  return [...references].filter((reference) => resolve(root, reference) === undefined);
}

function resolve(root: JsonSchemaObject, reference: string): JsonSchema | undefined {
  if (reference === '#') return root;
  const [, section, name = ''] = /^#\/(\$defs|definitions)\/(.+)$/.exec(reference) ?? [];
  const definitions = section === '$defs' ? root.$defs : root.definitions;
  return definitions && Object.hasOwn(definitions, name) ? definitions[name] : undefined;
}

/** References can make a schema of a few lines take exponential time, or no end; an honest check is far below this. */
const MOST_STEPS = 200_000;
const DEEPEST_LEVEL = 200;

/** Whether the value, fresh from JSON.parse, satisfies the schema. Throws a RangeError when that takes too long to tell. */
export function satisfiesSchema(root: JsonSchemaObject, value: unknown): boolean {
  let stepsLeft = MOST_STEPS;
  return satisfies(root, value, 0);

  function satisfies(schema: JsonSchema, instance: unknown, level: number): boolean {
    stepsLeft -= 1;
    if (stepsLeft < 0 || level > DEEPEST_LEVEL) throw new RangeError('the answer cannot be checked in bounded time');
    if (typeof schema === 'boolean') return schema;
    const fits = (inner: JsonSchema, part: unknown = instance): boolean => satisfies(inner, part, level + 1);
    return (
      fitsValue(schema, instance) &&
      (typeof instance !== 'number' || fitsNumber(schema, instance)) &&
      (typeof instance !== 'string' || fitsLength(lengthOf(instance), schema.minLength, schema.maxLength)) &&
      (!Array.isArray(instance) || fitsArray(schema, instance, fits)) &&
      (!isObject(instance) || fitsObject(schema, instance, fits)) &&
      (schema.$ref === undefined || fits(resolve(root, schema.$ref) ?? false)) &&
      (schema.allOf?.every((inner) => fits(inner)) ?? true) &&
      (schema.anyOf?.some((inner) => fits(inner)) ?? true) &&
      (schema.oneOf === undefined || schema.oneOf.filter((inner) => fits(inner)).length === 1) &&
      (schema.not === undefined || !fits(schema.not))
    );
  }
}

type Fits = (schema: JsonSchema, part: unknown) => boolean;

function fitsValue(schema: JsonSchemaObject, instance: unknown): boolean {
  if (schema.type !== undefined && ![schema.type].flat().some((name) => isOfType(name, instance))) return false;
  if (schema.const === undefined && schema.enum === undefined) return true;
  const text = canonical(instance);
  if (schema.const !== undefined && canonical(schema.const) !== text) return false;
  return schema.enum?.some((option) => canonical(option) === text) ?? true;
}

function isOfType(name: z.infer<typeof TypeName>, instance: unknown): boolean {
  switch (name) {
    case 'null':
      return instance === null;
    case 'integer':
      return Number.isInteger(instance);
    case 'array':
      return Array.isArray(instance);
    case 'object':
      return isObject(instance);
    default:
      return typeof instance === name;
  }
}

function fitsNumber(schema: JsonSchemaObject, instance: number): boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  return (
    (minimum === undefined || instance >= minimum) &&
    (maximum === undefined || instance <= maximum) &&
    (exclusiveMinimum === undefined || instance > exclusiveMinimum) &&
    (exclusiveMaximum === undefined || instance < exclusiveMaximum) &&
    (multipleOf === undefined || Math.abs(instance / multipleOf - Math.round(instance / multipleOf)) < 1e-9)
  );
}

function fitsArray(schema: JsonSchemaObject, instance: readonly unknown[], fits: Fits): boolean {
  const { prefixItems = [], items, contains } = schema;
  return (
    fitsLength(instance.length, schema.minItems, schema.maxItems) &&
    (schema.uniqueItems !== true || new Set(instance.map(canonical)).size === instance.length) &&
    prefixItems.every((inner, index) => index >= instance.length || fits(inner, instance[index])) &&
    (items === undefined || instance.slice(prefixItems.length).every((item) => fits(items, item))) &&
    (contains === undefined || instance.some((item) => fits(contains, item)))
  );
}

function fitsObject(schema: JsonSchemaObject, instance: Record<string, unknown>, fits: Fits): boolean {
  const { properties = {}, additionalProperties = true, required = [] } = schema;
  return (
    fitsLength(Object.keys(instance).length, schema.minProperties, schema.maxProperties) &&
    required.every((name) => Object.hasOwn(instance, name)) &&
    Object.entries(instance).every(([name, part]) => {
      const inner = Object.hasOwn(properties, name) ? properties[name] : undefined;
      return fits(inner ?? additionalProperties, part);
    })
  );
}

function fitsLength(length: number, least = 0, most = Number.POSITIVE_INFINITY): boolean {
  return length >= least && length <= most;
}

/** In code points, as JSON Schema counts. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One text for all ways to write a value: object fields in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}
