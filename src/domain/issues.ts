import { z } from 'zod';
import { nearestWord } from './suggestion.ts';
import { findMalformed } from './well-formed.ts';

/** One thing that is wrong with a piece of input: where, as keys and indexes from the top, and what, for a person. */
export type Problem = { path: readonly (string | number)[]; message: string };

/** Of so many problems the rest is only counted: a row of a megabyte can have half a million. */
const MOST_PROBLEMS = 100;

/**
 * Checks `input` and says what is wrong with it in one short sentence a problem: the value that was given, what is
 * allowed, and for an unknown field the nearest known one. Texts of more than 40 characters are not echoed: they may
 * be prompts.
 */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): { ok: true; value: z.output<Schema> } | { ok: false; problems: Problem[] } {
  const malformed = findMalformed(input);
  if (malformed) return { ok: false, problems: [malformed] };
  const parsed = schema.safeParse(input);
  if (parsed.success) return { ok: true, value: parsed.data };
  const { issues } = parsed.error;
  const explained = issues.slice(0, MOST_PROBLEMS).flatMap((issue) => explain(issue, input, schema));
  // The field that a misspelled one stands for is missing, too; that goes without saying.
  const suggested = new Set(explained.flatMap((problem) => problem.suggests ?? []));
  const problems = explained
    .filter((problem) => problem.suggests !== undefined || !suggested.has(formatPath(problem.path)))
    .map(({ path, message }): Problem => ({ path, message }));
  const untold = issues.length - MOST_PROBLEMS;
  return { ok: false, problems: untold > 0 ? [...problems, { path: [], message: `and ${untold} more` }] : problems };
}

/** For a check that compares fields: runs also when another field is wrong, so that all problems are told at once. */
export const BESIDE_OTHER_PROBLEMS = {
  when: ({ value }: { value: unknown }): boolean =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** `messages[0].role: expected ...`, or the bare message for a problem of the whole. */
export function formatProblem(problem: Problem): string {
  const path = formatPath(problem.path);
  return path === '' ? problem.message : `${path}: ${problem.message}`;
}

/** `models[0].name`; names that could break the line or are no names at all stand in brackets. */
export function formatPath(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[\w.:/@$-]{1,128}$/.test(step)) text += `[${show(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** `(did you mean "prompt"?)` for the nearest of the known words, or nothing when none is near. */
export function suggestion(word: string, known: Iterable<string>): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? '' : ` (did you mean "${nearest}"?)`;
}

type Explained = Problem & { suggests?: string };

function explain(issue: z.core.$ZodIssue, input: unknown, schema: z.ZodType): Explained[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(schema, path);
    const told = issue.keys.slice(0, MOST_PROBLEMS).map((key) => explainUnknown(path, key, known));
    const untold = issue.keys.length - told.length;
    return untold > 0 ? [...told, { path, message: `and ${untold} more unknown fields` }] : told;
  }
  if (issue.code === 'invalid_key') {
    // The path ends in the name that is wrong; what is wrong is said by the schema of the names.
    const [inner] = issue.issues;
    const name = path.at(-1);
    return [
      { path: path.slice(0, -1), message: `bad name: ${inner ? sentence(inner, name, show(name)) : show(name)}` },
    ];
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that got furthest is the one that was meant; of several the one with the fewest problems.
    const branch = issue.errors.reduce((best, next) => {
      const lead = reach(next) - reach(best);
      return lead > 0 || (lead === 0 && next.length < best.length) ? next : best;
    });
    if (reach(branch) > 0) {
      return branch
        .slice(0, MOST_PROBLEMS)
        .flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, input, schema));
    }
  }
  const value = path.some((step) => SECRET_FIELDS.has(step)) ? HIDDEN : valueAt(input, path);
  const shown = typeof value === 'string' && isPrompt(value, path) ? textOfLength(value) : show(value);
  return [{ path, message: sentence(issue, value, shown) }];
}

function isPrompt(text: string, path: Problem['path']): boolean {
  // A price has an input, too.
  return text !== '' && !path.includes('price') && PROMPT_FIELDS.has(path.findLast((step) => typeof step === 'string'));
}

function explainUnknown(path: Problem['path'], key: string, known: readonly string[]): Explained {
  const nearest = nearestWord(key, known);
  if (nearest === undefined) {
    return { path, message: `unknown field ${key.length <= 40 ? show(key) : `of ${key.length} characters`}` };
  }
  const message = `unknown field ${show(key)} (did you mean "${nearest}"?)`;
  return { path, message, suggests: formatPath([...path, nearest]) };
}

/** How far a branch of a union got: how deep its problems lie, and at the same depth whether the type was right. */
function reach(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce(
    (furthest, { path, code }) => Math.max(furthest, path.length + (code === 'invalid_type' ? 0 : 0.5)),
    0,
  );
}

/** What stands in these fields may be a key and is shown nowhere. */
const SECRET_FIELDS: ReadonlySet<string | number> = new Set(['api_key', 'headers', 'secret']);
const HIDDEN = Symbol('a hidden value');

/** What stands in these is a prompt, or a piece of one, however short it is. */
const PROMPT_FIELDS: ReadonlySet<unknown> = new Set([
  // Ours and OpenAI's.
  ...'prompt messages content text arguments body'.split(' '),
  // Anthropic's.
  ...'system input data'.split(' '),
  // Google's.
  ...'request systemInstruction contents parts args response'.split(' '),
]);

function sentence(issue: z.core.$ZodIssue, value: unknown, shown: string): string {
  if (value === undefined && issue.code !== 'custom') return 'missing';
  const got = value === HIDDEN ? '' : `, got ${shown}`;
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${article(issue.expected)}${got}`;
    case 'invalid_value':
      return issue.message.startsWith('Invalid')
        ? `expected ${issue.values.map(String).join(' | ')}${got}`
        : issue.message;
    case 'too_small':
      return `${lower(issue, issue.minimum, issue.inclusive ?? true)}${got}`;
    case 'too_big':
      return `${upper(issue, issue.maximum, issue.inclusive ?? true)}${got}`;
    case 'invalid_union': {
      const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : undefined;
      if (options) return `expected ${options.join(' | ')}${got}`;
      const expected = issue.errors.flat().flatMap((inner) => (inner.code === 'invalid_type' ? [inner.expected] : []));
      return expected.length > 0
        ? `expected ${[...new Set(expected.map(article))].join(' or ')}${got}`
        : `not allowed${got}`;
    }
    case 'invalid_format':
      return issue.message.startsWith('Invalid')
        ? `must match ${issue.pattern ?? issue.format}${got}`
        : issue.message + got;
    default:
      return issue.message;
  }
}

const UNITS: Record<string, string> = { string: ' characters', array: ' entries', object: ' entries' };

function lower(issue: { origin: string }, minimum: unknown, inclusive: boolean): string {
  if (minimum === 1 && issue.origin in UNITS) return 'must not be empty';
  return `must be ${inclusive ? 'at least' : 'above'} ${String(minimum)}${UNITS[issue.origin] ?? ''}`;
}

function upper(issue: { origin: string }, maximum: unknown, inclusive: boolean): string {
  return `must be ${inclusive ? 'at most' : 'below'} ${String(maximum)}${UNITS[issue.origin] ?? ''}`;
}

const ARTICLES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'a map of names to values',
};

function article(expected: string): string {
  return ARTICLES[expected] ?? expected;
}

/** A value that was given, in a few plain characters: what is long may be a prompt, and no text may break the line. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length <= 40 ? quote(value) : textOfLength(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'number' || typeof value === 'boolean' || value === null
    ? String(value)
    : `a ${typeof value}`;
}

function textOfLength(text: string): string {
  return `a text of ${text.length} characters`;
}

/** JSON leaves alone what steers a terminal or turns the text around: C1 controls, separators, direction marks. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  let value = input;
  for (const step of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

type Node = { readonly [keyword: string]: unknown };

const describedSchemas = new WeakMap<z.ZodType, Node>();

/** The names of the fields that the schema has at this place: what a typing mistake there is compared with. */
function fieldsAt(schema: z.ZodType, path: Problem['path']): string[] {
  let root = describedSchemas.get(schema);
  if (!root) {
    root = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' });
    describedSchemas.set(schema, root);
  }
  let nodes = branchesOf(root, root);
  for (const step of path) {
    nodes = nodes.flatMap((node) => {
      const properties = nodeOf(node['properties']);
      const next = typeof step === 'number' ? node['items'] : (properties[step] ?? node['additionalProperties']);
      return branchesOf(nodeOf(next), root);
    });
  }
  return nodes.flatMap((node) => Object.keys(nodeOf(node['properties'])));
}

/** The node and, behind references and unions, all that it may stand for. */
function branchesOf(start: Node, root: Node): Node[] {
  const branches = new Set([start]);
  for (const node of branches) {
    for (const union of [node['anyOf'], node['oneOf'], node['allOf']]) {
      if (Array.isArray(union)) for (const branch of union) branches.add(nodeOf(branch));
    }
    const reference = /^#\/\$defs\/(.+)$/.exec(String(node['$ref']))?.[1];
    if (reference !== undefined) branches.add(nodeOf(nodeOf(root['$defs'])[reference]));
    if (node['$ref'] === '#') branches.add(root);
  }
  return [...branches];
}

function nodeOf(value: unknown): Node {
  return typeof value === 'object' && value !== null ? (value as Node) : {};
}
