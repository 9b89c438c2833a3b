import { z } from 'zod';

/**
 * The part of JSON Schema (2020-12) that an expectation may use, checked strictly: a keyword that is not here is
 * refused when the job comes in, since leaving it out of account would give wrong answers the full score. Regular
 * expressions are left out on purpose: one that backtracks would hold a worker for ever.
 */
const TypeName = z.enum(['null', 'boolean', 'number', 'integer', 'string', 'array', 'object']);
export type TypeName = z.infer<typeof TypeName>;
const Count = z.int().min(0).optional();
const Bound = z.number().optional();
const Annotation = z.unknown().optional();
/** Of `enum` and of `required`. */
export const LONGEST_LIST = 1_000;

export type JsonSchema = boolean | JsonSchemaObject;
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

/** The keywords that hold no other schemas. */
export const Assertions = z.strictObject({
  type: z.union([TypeName, z.array(TypeName).min(1).max(7)]).optional(),
  enum: z.array(z.json()).min(1).max(LONGEST_LIST).optional(),
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
  required: z.array(z.string()).max(LONGEST_LIST).optional(),
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
  return [...references].filter((reference) => resolveReference(root, reference) === undefined);
}

/** Undefined where it leads nowhere. */
export function resolveReference(
  root: Pick<JsonSchemaObject, '$defs' | 'definitions'>,
  reference: string,
): JsonSchema | undefined {
  if (reference === '#') return root;
  const [, section, name = ''] = /^#\/(\$defs|definitions)\/(.+)$/.exec(reference) ?? [];
  const definitions = section === '$defs' ? root.$defs : root.definitions;
  return definitions && Object.hasOwn(definitions, name) ? definitions[name] : undefined;
}
