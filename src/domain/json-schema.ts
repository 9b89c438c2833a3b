/**
 * The part of JSON Schema (2020-12) that an expectation may use, read strictly: a keyword that is not checked here is
 * refused when the job comes in, since ignoring it would give a wrong answer the full score. Regular expressions are
 * left out on purpose: one that backtracks would hold a worker for ever.
 */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

type Instance = { value: unknown; root: JsonSchema; budget: { steps: number } };
type Keyword = {
  /** Whether the keyword's own value can be understood. */
  accepts: (operand: unknown) => boolean;
  /** The schemas inside, by path. */
  inner?: (operand: unknown) => [string | number, unknown][];
  holds?: (operand: never, instance: Instance, schema: Readonly<Record<string, unknown>>) => boolean;
};

/** `$ref` can make a schema of a few lines take exponential time; no honest one comes near this. */
const MOST_STEPS = 1_000_000;
const DEEPEST_LEVEL = 256;

const TYPES: Record<string, (value: unknown) => boolean> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  string: (value) => typeof value === 'string',
  array: (value) => Array.isArray(value),
  object: isObject,
};
