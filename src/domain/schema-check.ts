import { type JsonSchema, type JsonSchemaObject, type TypeName, resolveReference } from './json-schema.ts';
import { type Steps, createSteps, spend } from './steps.ts';

/** Stacks have an end; no schema that is written by hand is nested so deep. */
const DEEPEST_LEVEL = 200;
/** What one step is enough for where there is little to do with each. */
const CHARACTERS_A_STEP = 16;
const NAMES_A_STEP = 8;

type Check = {
  steps: Steps;
  fits: (schema: JsonSchema, part: unknown, level: number) => boolean;
  /** What a `$ref` leads to. */
  refer: (reference: string) => JsonSchema;
  /** For each of `const` and `enum` that the schema has: the values that it allows, in canonical form. */
  allowedBy: (schema: JsonSchemaObject) => readonly ReadonlySet<string>[];
  /** One text for all ways to write a value. */
  canonical: (value: unknown) => string;
  namesOf: (instance: Fields) => readonly string[];
};

type Fields = Record<string, unknown>;

/** Whether the value, fresh from JSON.parse, satisfies the schema. Throws a RangeError when that takes too long to tell. */
export function satisfiesSchema(root: JsonSchemaObject, value: unknown): boolean {
  return compileSchema(root, createSteps())(value);
}

/** The same for many values, which share the steps. What is asked of one thing again and again is worked out once. */
export function compileSchema(root: JsonSchemaObject, steps: Steps): (value: unknown) => boolean {
  const canonical = remember((value: object) => canonicalText(value, steps));
  const check: Check = {
    steps,
    fits(schema, instance, level) {
      spend(steps, 1);
      if (level > DEEPEST_LEVEL) throw new RangeError('the schema leads too deep');
      return typeof schema === 'boolean' ? schema : fitsAll(schema, instance, level + 1, check);
    },
    refer: remember((reference) => resolveReference(root, reference) ?? false),
    allowedBy: remember(({ const: only, enum: options }) => {
      const lists = [only === undefined ? undefined : [only], options].filter((list) => list !== undefined);
      return lists.map((list) => new Set(list.map(check.canonical)));
    }),
    canonical: (value) =>
      typeof value === 'object' && value !== null ? canonical(value) : canonicalText(value, steps),
    namesOf: remember((instance) => {
      const names = Object.keys(instance);
      spend(steps, names.length / NAMES_A_STEP);
      return names;
    }),
  };
  return (value) => check.fits(root, value, 0);
}

function remember<Key, Value>(workOut: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const value = workOut(key);
    known.set(key, value);
    return value;
  };
}

function fitsAll(schema: JsonSchemaObject, instance: unknown, level: number, check: Check): boolean {
  const { fits, refer } = check;
  return (
    (schema.type === undefined || isOfType(schema.type, instance)) &&
    ((schema.const === undefined && schema.enum === undefined) || isAllowed(schema, instance, check)) &&
    (typeof instance !== 'number' || fitsNumber(schema, instance)) &&
    (typeof instance !== 'string' || fitsText(schema, instance, check)) &&
    (!Array.isArray(instance) || fitsArray(schema, instance, level, check)) &&
    (!isObject(instance) || fitsObject(schema, instance, level, check)) &&
    (schema.$ref === undefined || fits(refer(schema.$ref), instance, level)) &&
    (schema.allOf?.every((inner) => fits(inner, instance, level)) ?? true) &&
    (schema.anyOf?.some((inner) => fits(inner, instance, level)) ?? true) &&
    (schema.oneOf === undefined || schema.oneOf.filter((inner) => fits(inner, instance, level)).length === 1) &&
    (schema.not === undefined || !fits(schema.not, instance, level))
  );
}

function isOfType(type: TypeName | readonly TypeName[], instance: unknown): boolean {
  if (typeof type !== 'string') return type.some((name) => isOfType(name, instance));
  switch (type) {
    case 'null':
      return instance === null;
    case 'integer':
      return Number.isInteger(instance);
    case 'array':
      return Array.isArray(instance);
    case 'object':
      return isObject(instance);
    default:
      return typeof instance === type;
  }
}

function isAllowed(schema: JsonSchemaObject, instance: unknown, { canonical, allowedBy }: Check): boolean {
  const text = canonical(instance);
  return allowedBy(schema).every((texts) => texts.has(text));
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

/** Counts code points, as JSON Schema does. */
function fitsText({ minLength, maxLength }: JsonSchemaObject, instance: string, { steps }: Check): boolean {
  if (minLength === undefined && maxLength === undefined) return true;
  spend(steps, instance.length / CHARACTERS_A_STEP);
  return fitsLength(Array.from(instance).length, minLength, maxLength);
}

function fitsArray(schema: JsonSchemaObject, instance: readonly unknown[], level: number, check: Check): boolean {
  const { prefixItems = [], items, contains } = schema;
  const { fits, canonical } = check;
  if (!fitsLength(instance.length, schema.minItems, schema.maxItems)) return false;
  if (schema.uniqueItems === true && new Set(instance.map(canonical)).size < instance.length) return false;
  if (prefixItems.length > 0 || items !== undefined) {
    const end = items === undefined ? Math.min(prefixItems.length, instance.length) : instance.length;
    for (let index = 0; index < end; index += 1) {
      if (!fits(prefixItems[index] ?? items ?? true, instance[index], level)) return false;
    }
  }
  return contains === undefined || instance.some((item) => fits(contains, item, level));
}

function fitsObject(schema: JsonSchemaObject, instance: Fields, level: number, check: Check): boolean {
  const { properties, additionalProperties, required = [], minProperties, maxProperties } = schema;
  spend(check.steps, required.length / NAMES_A_STEP);
  if (!required.every((name) => Object.hasOwn(instance, name))) return false;
  const names = check.namesOf(instance);
  if (!fitsLength(names.length, minProperties, maxProperties)) return false;
  if (properties === undefined && additionalProperties === undefined) return true;
  return names.every((name) => {
    const inner = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
    return check.fits(inner ?? additionalProperties ?? true, instance[name], level);
  });
}

function fitsLength(length: number, least = 0, most = Number.POSITIVE_INFINITY): boolean {
  return length >= least && length <= most;
}

/** Object fields in order. */
function canonicalText(value: unknown, steps: Steps): string {
  const inOrder = (key: string, part: unknown): unknown => {
    spend(steps, 1 + (key.length + (typeof part === 'string' ? part.length : 0)) / CHARACTERS_A_STEP);
    if (!isObject(part)) return part;
    const fields = Object.entries(part);
    spend(steps, 2 * fields.length);
    return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return typeof value === 'object' ? JSON.stringify(value, inOrder) : JSON.stringify(inOrder('', value));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
