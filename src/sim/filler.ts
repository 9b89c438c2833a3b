import { drawUnit, hashText } from './hash.ts';

/** Text for prompts without a known answer: always the same for the same hash. */

const WORDS = (
  'the queue keeps every row until a worker takes it and writes down what it cost so that each answer can be found ' +
  'again when somebody asks which model gave this result how long that took or why another was chosen before'
).split(' ');
const WORDS_PER_SENTENCE = 14;

/** About `meanTokens` tokens of four characters: between half and one and a half times as many. */
export function fillText(hash: number, meanTokens: number): string {
  const length = Math.max(4, Math.round(meanTokens * (0.5 + drawUnit(hash, 'length')) * 4));
  let text = '';
  let state = hash >>> 0;
  for (let count = 0; text.length < length - 1; count += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const word = WORDS[(state >>> 16) % WORDS.length] ?? '';
    if (count % WORDS_PER_SENTENCE !== 0) text += ` ${word}`;
    else text += `${count === 0 ? '' : '. '}${word.charAt(0).toUpperCase()}${word.slice(1)}`;
  }
  return `${text}.`;
}

/** A JSON Schema as far as it is obeyed: type, enum, const, required properties, items, anyOf, oneOf, minimum. */
type Schema = {
  type?: unknown;
  enum?: unknown;
  const?: unknown;
  properties?: unknown;
  required?: unknown;
  items?: unknown;
  anyOf?: unknown;
  oneOf?: unknown;
  minimum?: unknown;
};

const MAX_DEPTH = 8;

/** A JSON value by a schema: objects hold their required properties (all, when none is required). */
export function fillSchema(hash: number, schema: unknown, depth = 0): unknown {
  if (!isObject(schema) || depth > MAX_DEPTH) return null;
  const { const: constant, enum: options, anyOf, oneOf, minimum }: Schema = schema;
  if (constant !== undefined) return constant;
  if (Array.isArray(options)) return pick(hash, options);
  const branches = anyOf ?? oneOf;
  if (Array.isArray(branches)) return fillSchema(hash, branches[0], depth + 1);
  const least = typeof minimum === 'number' ? minimum : 0;
  switch (typeOf(schema)) {
    case 'object':
      return fillObject(hash, schema, depth);
    case 'array':
      return [fillSchema(hash, (schema as Schema).items, depth + 1)];
    case 'integer':
      return Math.ceil(least) + Math.floor(drawUnit(hash, 'integer') * 100);
    case 'number':
      return least + Math.round(drawUnit(hash, 'number') * 10_000) / 100;
    case 'boolean':
      return drawUnit(hash, 'boolean') < 0.5;
    case 'string':
      return pick(hash, WORDS);
    default:
      return null;
  }
}

function fillObject(hash: number, schema: Schema, depth: number): Record<string, unknown> {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : Object.keys(properties);
  const names = required.filter((name) => typeof name === 'string');
  const byName = new Map<string, unknown>(Object.entries(properties));
  return Object.fromEntries(names.map((name) => [name, fillSchema(hashText(name, hash), byName.get(name), depth + 1)]));
}

function typeOf(schema: Schema): unknown {
  if (Array.isArray(schema.type)) return schema.type[0];
  return schema.type ?? (schema.properties === undefined ? undefined : 'object');
}

function pick<Option>(hash: number, options: readonly Option[]): Option | undefined {
  return options[Math.floor(drawUnit(hash, 'pick') * options.length)];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
